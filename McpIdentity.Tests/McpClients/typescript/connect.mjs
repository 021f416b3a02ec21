// A real MCP client of the TypeScript SDK 1.x. Its last line on stdout is one JSON object; see journey.mjs.
import { auth, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { main } from './journey.mjs';

await main('TypeScript SDK test', {
  auth,
  UnauthorizedError,
  Client,
  StreamableHTTPClientTransport,
  redeem: (transport, response) => transport.finishAuth(response.get('code')),
});
