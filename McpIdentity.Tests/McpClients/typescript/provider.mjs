// What both SDK versions ask of a host: where registration and tokens are kept, and how the user is sent to the browser.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { PageWalker } from './pages.mjs';

/** A well-formed token that no server issued: the next request gets a 401, and the client has to refresh. */
const DROPPED_ACCESS_TOKEN = 'dropped';

export class FileOAuthProvider {
  #file;
  #state;
  #walker;
  #callback;

  /** How often a person had to go through the pages. */
  timesAuthorized = 0;

  /**
   * @param {{clientName: string, file?: string, user: string, decision: string, scope?: string, callback: Callback}} options
   */
  constructor({ clientName, file, user, decision, scope, callback }) {
    this.#file = file;
    this.#state = file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    this.#callback = callback;
    this.#walker = url => new PageWalker(url, { fields: { username: user }, decision });
    this.redirectUrl = callback.url;
    this.clientMetadata = {
      client_name: clientName,
      redirect_uris: [callback.url],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      ...(scope ? { scope } : {}),
    };
  }

  clientInformation() {
    return this.#state.client;
  }

  saveClientInformation(client) {
    this.#save({ client });
  }

  tokens() {
    return this.#state.tokens;
  }

  saveTokens(tokens) {
    this.#save({ tokens });
  }

  /** Forgets the access token, as if it had expired; the refresh token stays. */
  dropAccessToken() {
    this.#save({ tokens: { ...this.#state.tokens, access_token: DROPPED_ACCESS_TOKEN } });
  }

  /** The SDK says what the server no longer knows. */
  invalidateCredentials(scope) {
    const names = { all: ['client', 'tokens', 'codeVerifier', 'discovery'], client: ['client'], tokens: ['tokens'], verifier: ['codeVerifier'], discovery: ['discovery'] };
    this.#save(Object.fromEntries(names[scope].map(name => [name, undefined])));
  }

  codeVerifier() {
    return this.#state.codeVerifier;
  }

  saveCodeVerifier(codeVerifier) {
    this.#save({ codeVerifier });
  }

  discoveryState() {
    return this.#state.discovery;
  }

  saveDiscoveryState(discovery) {
    this.#save({ discovery });
  }

  state() {
    this.#save({ state: randomUUID() });
    return this.#state.state;
  }

  /** Goes through the pages; the answer arrives at the callback, for `authorizationResponse`. */
  async redirectToAuthorization(authorizationUrl) {
    this.timesAuthorized++;
    const walker = this.#walker(authorizationUrl);
    const left = await walker.leave(authorizationUrl);
    if (!left.href.startsWith(`${this.redirectUrl}?`)) {
      throw new Error(`sent to ${left.href} instead of the callback:\n${walker.steps.join('\n')}`);
    }
    await this.#callback.deliver(left);
  }

  /** The parameters that the callback received, after the checks that the SDK leaves to its host. */
  async authorizationResponse() {
    const parameters = await this.#callback.received;
    if (parameters.get('state') !== this.#state.state) {
      throw new Error('the authorization response carries another state');
    }

    // RFC 9207 §2.4
    const metadata = this.#state.discovery?.authorizationServerMetadata;
    if (metadata?.authorization_response_iss_parameter_supported && parameters.get('iss') !== metadata.issuer) {
      throw new Error(`the authorization response is from ${parameters.get('iss')} and not from ${metadata.issuer}`);
    }

    if (parameters.has('error')) {
      throw new AuthorizationRefused(parameters.get('error'), parameters.get('error_description'));
    }
    return parameters;
  }

  #save(change) {
    Object.assign(this.#state, change);
    if (this.#file) {
      writeFileSync(this.#file, JSON.stringify(this.#state, undefined, 2), { mode: 0o600 });
    }
  }
}

export class AuthorizationRefused extends Error {
  constructor(code, description) {
    super(description ?? code);
    this.code = code;
  }
}

/** The client's own web server on a loopback port that the system picks (RFC 8252 §7.3). */
export class Callback {
  #server;

  static async listen() {
    const callback = new Callback();
    await callback.#listen();
    return callback;
  }

  async #listen() {
    this.received = new Promise(resolve => {
      this.#server = createServer((request, response) => {
        const url = new URL(request.url, this.url);
        const isCallback = url.pathname === '/callback';
        response.writeHead(isCallback ? 200 : 404, { 'Content-Type': 'text/plain', Connection: 'close' });
        response.end(isCallback ? 'You can go back to the program.' : 'Not found.');
        if (isCallback) {
          resolve(url.searchParams);
        }
      });
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/callback`;
  }

  /** What the person's browser does with the answer. */
  async deliver(answer) {
    await fetch(answer);
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
