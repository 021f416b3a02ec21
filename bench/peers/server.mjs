// oidc-provider with the addresses and the shapes that the bench asks for: node server.mjs PORT [REDIS_URL]
import { exportJWK, generateKeyPair } from 'jose';
import Redis from 'ioredis';
import { Provider } from 'oidc-provider';

const [port, redisUrl] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const accountId = 'alice';
const scope = 'mcp mcp:call';

// What the library documents for an adapter: a JSON document a key, and sets to find what belongs together.
class RedisAdapter {
  static client = redisUrl && new Redis(redisUrl, { enableAutoPipelining: true });

  constructor(name) {
    this.name = name;
  }

  key(id) {
    return `oidc:${this.name}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const [key, expires] = [this.key(id), expiresIn ? ['EX', expiresIn] : []];
    const batch = RedisAdapter.client.multi().set(key, JSON.stringify(payload), ...expires);
    if (payload.grantId && this.name !== 'Session') {
      batch.sadd(`oidc:of:${payload.grantId}`, key);
    }
    if (payload.uid) {
      batch.set(`oidc:uid:${payload.uid}`, id, ...expires);
    }
    if (payload.userCode) {
      batch.set(`oidc:code:${payload.userCode}`, id, ...expires);
    }
    await batch.exec();
  }

  async find(id) {
    const [found, consumed] = await RedisAdapter.client.mget(this.key(id), `${this.key(id)}:consumed`);
    return found ? { ...JSON.parse(found), ...(consumed && { consumed: Number(consumed) }) } : undefined;
  }

  async findByUid(uid) {
    const id = await RedisAdapter.client.get(`oidc:uid:${uid}`);
    return id ? this.find(id) : undefined;
  }

  async findByUserCode(userCode) {
    const id = await RedisAdapter.client.get(`oidc:code:${userCode}`);
    return id ? this.find(id) : undefined;
  }

  async consume(id) {
    await RedisAdapter.client.set(`${this.key(id)}:consumed`, Math.floor(Date.now() / 1000), 'EX', 86400);
  }

  async destroy(id) {
    await RedisAdapter.client.del(this.key(id));
  }

  async revokeByGrantId(grantId) {
    const keys = await RedisAdapter.client.smembers(`oidc:of:${grantId}`);
    await RedisAdapter.client.del(`oidc:of:${grantId}`, ...keys);
  }
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const provider = new Provider(issuer, {
  ...(redisUrl && { adapter: RedisAdapter }),
  jwks: { keys: [{ ...await exportJWK(privateKey), alg: 'ES256', use: 'sig' }] },
  cookies: { keys: ['of a bench, not of a deployment'] },
  clientDefaults: { response_types: [], id_token_signed_response_alg: 'ES256' },
  routes: { authorization: '/oauth/authorize', token: '/oauth/token', introspection: '/oauth/introspect', registration: '/register', jwks: '/.well-known/jwks.json' },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  // Alice has allowed each client, once.
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    if (known) {
      return provider.Grant.find(known);
    }
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addResourceScope(ctx.oidc.params.resource, scope);
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    registration: { enabled: true, initialAccessToken: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => `${issuer}/mcp`,
      useGrantedResource: () => true,
      // A JWT is not introspected by this library.
      getResourceServerInfo: (ctx, resource, client) => client.clientName === 'Bench introspection'
        ? { scope, accessTokenFormat: 'opaque' }
        : { scope, audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
    },
  },
});

// In place of the page with a password.
provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/interaction/')) {
    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId } });
  } else {
    await next();
  }
});
provider.on('server_error', (ctx, error) => console.error(error));
provider.listen(Number(port), 'localhost');
