// A client of the TypeScript SDK whose session ends between two calls, as by a restart of the server, and which connects anew.
// Its last line on stdout is one JSON object. Usage: lost-session.mjs <v1|v2> <mcpUrl> <accessToken>
import * as v2 from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [version, url, token] = process.argv.slice(2);
const sdk = version === 'v1' ? { Client, StreamableHTTPClientTransport } : v2;
const headers = { Authorization: `Bearer ${token}` };

async function open() {
  const transport = new sdk.StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  const client = new sdk.Client({ name: 'loser', version: '1.0.0' });
  await client.connect(transport);
  return { client, transport };
}

async function greet(client) {
  const result = await client.callTool({ name: 'greeting', arguments: {} });
  return result.content[0].text;
}

const { client, transport } = await open();
const before = await greet(client);
const session = transport.sessionId;
if (session) {
  await fetch(url, { method: 'DELETE', headers: { ...headers, 'Mcp-Session-Id': session } });
}

let lost = null;
try {
  lost = await greet(client);
} catch (error) {
  lost = { code: error.code, status: error.status ?? error.data?.status, message: error.message };
}
await client.close().catch(() => {});
const second = await open();
const after = await greet(second.client);
await second.transport.terminateSession();
await second.client.close();
console.log(JSON.stringify({ before, session: session ?? null, lost, after, next: second.transport.sessionId ?? null }));
