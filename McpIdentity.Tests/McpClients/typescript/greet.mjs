// One call of the tool greeting by a client of the TypeScript SDK, as a program that is started anew each time: what it knows is in
// a file. It prints the addresses that its user has to open, and at last what the tool said.
// Usage: greet.mjs <v1|v2> <mcpUrl> <stateFile>
import * as v2 from '@modelcontextprotocol/client';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Callback, FileOAuthProvider } from './provider.mjs';

const [version, url, file] = process.argv.slice(2);
const sdk = version === 'v1' ? { Client, StreamableHTTPClientTransport, UnauthorizedError } : v2;

class PrintingProvider extends FileOAuthProvider {
  redirectToAuthorization(authorizationUrl) {
    console.log(authorizationUrl.href);
  }
}

const callback = await Callback.listen();
const provider = new PrintingProvider({ clientName: 'Greeter', callback, file });
try {
  console.log(await greet());
} finally {
  callback.close();
}

async function greet() {
  const transport = new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  const client = new sdk.Client({ name: 'greeter', version: '1.0.0' });
  try {
    await client.connect(transport);
    const result = await client.callTool({ name: 'greeting', arguments: {} });
    return result.content[0].text;
  } catch (error) {
    if (!(error instanceof sdk.UnauthorizedError)) {
      throw error;
    }
    const response = await provider.authorizationResponse();
    await transport.finishAuth(version === 'v1' ? response.get('code') : response);
  } finally {
    await client.close();
  }
  return await greet();
}
