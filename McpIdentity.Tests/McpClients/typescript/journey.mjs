// The journey that both SDK versions make: connect, list, call, lose the access token, call again.
import { parseArgs } from 'node:util';
import { AuthorizationRefused, Callback, FileOAuthProvider } from './provider.mjs';

const USAGE = '<mcpUrl> [--state FILE] [--user alice|bob] [--decision allow|deny] [--scope "a b"] [--tool greeting]';

/**
 * @param {string} clientName the name that the client registers with
 * @param {object} sdk what the two SDK versions export alike, and `redeem` for what they do not
 */
export async function main(clientName, sdk) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      state: { type: 'string' },
      user: { type: 'string', default: 'alice' },
      decision: { type: 'string', default: 'allow' },
      scope: { type: 'string' },
      tool: { type: 'string', default: 'greeting' },
    },
  });
  if (positionals.length !== 1) {
    console.error(`usage: ${USAGE}`);
    process.exitCode = 2;
    return;
  }

  const callback = await Callback.listen();
  try {
    const provider = new FileOAuthProvider({ clientName, callback, file: values.state, user: values.user, decision: values.decision, scope: values.scope });
    console.log(JSON.stringify(await travel(new URL(positionals[0]), provider, sdk, values.tool)));
  } catch (error) {
    console.error(error);
    console.log(JSON.stringify({ error: error instanceof AuthorizationRefused ? error.code : String(error.message ?? error) }));
    process.exitCode = 1;
  } finally {
    callback.close();
  }
}

async function travel(url, provider, sdk, tool) {
  const client = await connect(url, provider, sdk);
  try {
    const { tools } = await client.listTools();
    const greeting = await call(client, tool);
    const { refresh_token: before } = provider.tokens();
    provider.dropAccessToken();
    const greetingAfterRefresh = await call(client, tool);
    const { refresh_token: after, scope } = provider.tokens();
    return {
      tools: tools.map(one => one.name),
      greeting,
      greetingAfterRefresh,
      clientId: provider.clientInformation().client_id,
      scope,
      refreshTokenRotated: before !== undefined && after !== undefined && before !== after,
      timesAuthorized: provider.timesAuthorized,
    };
  } finally {
    await client.close();
  }
}

async function connect(url, provider, sdk) {
  const first = await open(url, provider, sdk);
  if (first.client && provider.tokens()) {
    return first.client;
  }

  // A server that lets anyone connect has not asked for authorization yet; the journey is made with it all the same.
  if (first.client) {
    await first.client.close();
    await sdk.auth(provider, { serverUrl: url });
  }
  await sdk.redeem(first.transport, await provider.authorizationResponse());
  const { client } = await open(url, provider, sdk);
  if (!client) {
    throw new Error('the server refuses the token that it has just issued');
  }
  return client;
}

/** Without a client when the server wants the user first. */
async function open(url, provider, { Client, StreamableHTTPClientTransport, UnauthorizedError }) {
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
  const client = new Client({ name: 'mcpidentity-test', version: '1.0.0' });
  try {
    await client.connect(transport);
    return { client, transport };
  } catch (error) {
    if (error instanceof UnauthorizedError) {
      return { transport };
    }
    throw error;
  }
}

async function call(client, name) {
  const result = await client.callTool({ name, arguments: {} });
  if (result.isError) {
    throw new Error(`${name} failed: ${JSON.stringify(result.content)}`);
  }
  return result.content.filter(part => part.type === 'text').map(part => part.text).join('\n');
}
