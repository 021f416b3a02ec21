// The whole flow by a general OAuth library, as programs without an MCP SDK use it: discover, register, sign in, call, refresh,
// revoke, and begin again. The client registers, or is known by the URL of its document, with a private key if it signs.
// Usage: library.mjs <oauth4webapi|openid-client> <mcpUrl> [clientId [privateJwk]]. The last line on stdout is one JSON object.
import { PageWalker } from './pages.mjs';

const [library, url, clientId, jwk] = process.argv.slice(2);
const redirectUri = 'http://127.0.0.1:4713/callback';
const metadata = {
  client_name: library,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};
const walker = new PageWalker(url, { fields: { username: 'alice' }, decision: 'allow' });
const { open } = await import(`./library-${library}.mjs`);
const client = await open(new URL(url), clientId ?? metadata, redirectUri, address => walker.leave(address), await privateKey());

const first = await client.signIn('mcp mcp:call openid profile');
const greeting = await call(first.access_token);
const { sub, name } = await client.userinfo(first);
const second = await client.refresh(first.refresh_token);
const greetingAfterRefresh = await call(second.access_token);
await client.revoke(second.refresh_token);
const refusedAfterRevocation = await refusal(() => client.refresh(second.refresh_token));
const statusAfterRevocation = await status(second.access_token);
const third = await client.signIn('mcp mcp:call');
console.log(JSON.stringify({
  greeting,
  name,
  sub,
  refreshTokenRotated: first.refresh_token !== second.refresh_token,
  greetingAfterRefresh,
  refusedAfterRevocation,
  statusAfterRevocation,
  greetingAfterReturn: await call(third.access_token),
  unknownClient: await refusal(() => client.refreshAs('a-client-that-was-deleted', third.refresh_token)),
}));

async function privateKey() {
  if (!jwk) {
    return undefined;
  }
  const { kid, ...members } = JSON.parse(jwk);
  return { kid, key: await crypto.subtle.importKey('jwk', members, { name: 'ECDSA', namedCurve: members.crv }, false, ['sign']) };
}

async function call(token) {
  const response = await send(token);
  return JSON.parse((await response.text()).replace(/^[^{]*/, '')).result.content[0].text;
}

async function status(token) {
  const response = await send(token);
  await response.body?.cancel();
  return response.status;
}

function send(token) {
  return fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'greeting', arguments: {} } }),
  });
}

async function refusal(action) {
  try {
    await action();
    return null;
  } catch (error) {
    return error.error ?? error.cause?.error ?? String(error);
  }
}
