// The same journey with the TypeScript SDK 2.x, which checks issuer and `iss` by itself.
import { auth, Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { main } from './journey.mjs';

await main('TypeScript SDK 2 test', {
  auth,
  UnauthorizedError,
  Client,
  StreamableHTTPClientTransport,
  redeem: (transport, response) => transport.finishAuth(response),
});
