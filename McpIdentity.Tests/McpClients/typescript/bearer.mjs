// The official clients with a token that somebody else made, or with none: list, then call. Both SDK versions in one process.
// Usage: bearer.mjs <mcpUrl> [token]. The last line on stdout is one JSON object, a member for each SDK.
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, token] = process.argv.slice(2);

async function travel(Client, Transport) {
  const client = new Client({ name: 'mcpidentity-test', version: '1.0.0' });
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  await client.connect(new Transport(new URL(url), { requestInit: { headers } }));
  try {
    const { tools } = await client.listTools();
    return { tools: tools.map(one => one.name), ...(await whoami(client)) };
  } finally {
    await client.close();
  }
}

async function whoami(client) {
  try {
    const result = await client.callTool({ name: 'whoami', arguments: {} });
    return { whoami: result.content[0].text };
  } catch (error) {
    return { refused: String(error.message ?? error) };
  }
}

console.log(JSON.stringify({ v1: await travel(ClientV1, TransportV1), v2: await travel(ClientV2, TransportV2) }));
