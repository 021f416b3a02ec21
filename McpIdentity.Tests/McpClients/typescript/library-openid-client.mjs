// openid-client: discovery by OpenID Connect, and the steps as the library bundles them.
import * as oidc from 'openid-client';

const plain = { execute: [oidc.allowInsecureRequests] }; // http, on loopback only

/** @param {string|object} who the client's id, or what it registers with */
export async function open(mcpUrl, who, redirectUri, leave, key) {
  const issuer = new URL(mcpUrl.origin);
  const config = typeof who === 'string'
    ? await oidc.discovery(issuer, who, undefined, key ? oidc.PrivateKeyJwt(key) : oidc.None(), plain)
    : await oidc.dynamicClientRegistration(issuer, who, oidc.None(), plain);

  return {
    async signIn(scope) {
      const verifier = oidc.randomPKCECodeVerifier();
      const state = oidc.randomState();
      const nonce = oidc.randomNonce();
      const address = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri, scope, state, nonce, resource: mcpUrl.href,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      });
      const checks = { pkceCodeVerifier: verifier, expectedState: state, ...(scope.includes('openid') ? { expectedNonce: nonce } : {}) };
      return await oidc.authorizationCodeGrant(config, await leave(address), checks, { resource: mcpUrl.href });
    },
    userinfo: tokens => oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub),
    refresh: token => oidc.refreshTokenGrant(config, token),
    refreshAs(clientId, token) {
      const other = new oidc.Configuration(config.serverMetadata(), clientId, undefined, oidc.None());
      oidc.allowInsecureRequests(other);
      return oidc.refreshTokenGrant(other, token);
    },
    revoke: token => oidc.tokenRevocation(config, token),
  };
}
