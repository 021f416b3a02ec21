// A client of the TypeScript SDK that may have asked for little, and calls a tool that needs more. What it knows is in a file. The last
// line on stdout is one JSON object. Usage: step-up.mjs <v1|v2> <mcpUrl> <redirectUri> <stateFile> [scope to sign in for anew]
import * as v2 from '@modelcontextprotocol/client';
import { auth, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { FileOAuthProvider } from './provider.mjs';

const [version, url, redirectUri, file, scope] = process.argv.slice(2);
const sdk = version === 'v1' ? { auth, Client, StreamableHTTPClientTransport, UnauthorizedError } : v2;

/** Takes the answer from the address that the browser was sent to; nobody has to listen there. */
class Answers {
  url = redirectUri;

  async deliver(answer) {
    this.received = Promise.resolve(answer.searchParams);
  }
}

const provider = new FileOAuthProvider({ clientName: 'Little by little', callback: new Answers(), file, user: 'alice', decision: 'allow' });
const transport = newTransport();
const client = new sdk.Client({ name: 'little-by-little', version: '1.0.0' });
const steps = [];
if (scope) {
  provider.invalidateCredentials('tokens');
  await sdk.auth(provider, { serverUrl: url, scope });
  await finish(newTransport());
}
await client.connect(transport);
await step('list', () => client.listTools());
await step('call', call);
if (steps.at(-1).asked) {
  // The SDK has sent the person to the pages by itself, and waits for its host to bring the answer.
  await finish(transport);
  await step('call', call);
}
await client.close();
console.log(JSON.stringify(steps));

async function call() {
  const result = await client.callTool({ name: 'greeting', arguments: {} });
  return result.content[0].text;
}

async function step(name, action) {
  const before = provider.timesAuthorized;
  const one = { name };
  try {
    one.result = await action();
  } catch (error) {
    one.error = `${error.name} ${error.message}`;
    one.asked = error instanceof sdk.UnauthorizedError && provider.timesAuthorized > before;
  }
  steps.push({ ...one, scope: provider.tokens()?.scope });
}

async function finish(through) {
  const response = await provider.authorizationResponse();
  await through.finishAuth(version === 'v1' ? response.get('code') : response);
}

function newTransport() {
  return new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
}
