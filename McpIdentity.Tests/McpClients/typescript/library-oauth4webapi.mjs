// oauth4webapi: each step by hand, and each answer validated by the library.
import * as oauth from 'oauth4webapi';

const plain = { [oauth.allowInsecureRequests]: true }; // http, on loopback only

/** @param {string|object} who the client's id, or what it registers with */
export async function open(mcpUrl, who, redirectUri, leave, key) {
  const resource = await oauth.processResourceDiscoveryResponse(mcpUrl, await oauth.resourceDiscoveryRequest(mcpUrl, plain));
  const issuer = new URL(resource.authorization_servers[0]);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain }));
  const client = { client_id: typeof who === 'string' ? who : await register(who) };
  const authentication = key ? oauth.PrivateKeyJwt(key) : oauth.None();

  return {
    async signIn(scope) {
      const verifier = oauth.generateRandomCodeVerifier();
      const state = oauth.generateRandomState();
      const address = new URL(as.authorization_endpoint);
      address.search = new URLSearchParams({
        client_id: client.client_id, response_type: 'code', redirect_uri: redirectUri, scope, state, resource: mcpUrl.href,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      });
      const answer = oauth.validateAuthResponse(as, client, await leave(address), state);
      const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, answer, redirectUri, verifier, {
        additionalParameters: { resource: mcpUrl.href }, ...plain,
      });
      return await oauth.processAuthorizationCodeResponse(as, client, response);
    },
    async userinfo(tokens) {
      const { sub } = oauth.getValidatedIdTokenClaims(tokens);
      return await oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token, plain));
    },
    refresh: token => refresh(client, token, authentication),
    refreshAs: (clientId, token) => refresh({ client_id: clientId }, token, oauth.None()),
    async revoke(token) {
      await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, plain));
    },
  };

  async function register(metadata) {
    const response = await oauth.dynamicClientRegistrationRequest(as, metadata, plain);
    return (await oauth.processDynamicClientRegistrationResponse(response)).client_id;
  }

  async function refresh(client, token, authentication) {
    return await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, authentication, token, plain));
  }
}
