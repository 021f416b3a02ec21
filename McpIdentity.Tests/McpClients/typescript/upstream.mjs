// An MCP server with sessions and without any protection, of the official TypeScript SDK, for the gateway to stand before.
// usage: upstream.mjs; prints its URL when it listens, and ends when stdin does.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const sessions = new Map();

function notes() {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  let own = 0;
  server.registerTool('greeting', { description: 'Says hello', annotations: { readOnlyHint: true } }, async extra => text(`hello from Node; headers ${JSON.stringify(extra.requestInfo?.headers)}`));
  server.registerTool('add_note', { description: 'Writes a note', inputSchema: { text: z.string().optional() }, annotations: { destructiveHint: false } }, async ({ text: note }) => text(`noted: ${note}`));
  server.registerTool('delete_note', { description: 'Deletes a note', annotations: { destructiveHint: true } }, async () => text('deleted'));
  server.registerTool('count', { description: 'Counts the calls of this session' }, async () => text(String(++own)));
  server.registerPrompt('summary', { description: 'Sums up' }, async () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'sum up' } }] }));
  server.registerResource('today', 'notes://today', { description: 'The notes of today' }, async uri => ({ contents: [{ uri: uri.href, text: 'nothing yet' }] }));
  server.registerResource('secret', 'notes://secret', { description: 'A secret' }, async uri => ({ contents: [{ uri: uri.href, text: 'secret' }] }));
  return server;
}

const text = value => ({ content: [{ type: 'text', text: value }] });

async function transportOf(request) {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known) {
    return known;
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: id => sessions.set(id, transport),
  });
  await notes().connect(transport);
  return transport;
}

const http = createServer(async (request, response) => {
  try {
    if (request.headers['mcp-session-id'] && !sessions.has(request.headers['mcp-session-id'])) {
      response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }));
      return;
    }
    await (await transportOf(request)).handleRequest(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});
http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));
process.stdin.resume();
process.stdin.on('end', () => process.exit());
