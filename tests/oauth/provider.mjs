// A certified OpenID provider with its own pages for signing in and consenting: anybody may be anybody.
// node provider.mjs ISSUER REDIRECT_URI…
import {generateKeyPairSync} from 'node:crypto';
import Provider from 'oidc-provider';

const [issuer, ...redirects] = process.argv.slice(2);
const secret = 'a secret for tests only';
const keys = [['rsa', {modulusLength: 2048}], ['ed25519', {}]].map(([type, options]) => ({
  use: 'sig', ...generateKeyPairSync(type, options).privateKey.export({format: 'jwk'}),
}));
const provider = new Provider(issuer, {
  clients: [
    {client_id: 'app', client_secret: secret, redirect_uris: redirects},
    {client_id: 'short', client_secret: secret, redirect_uris: redirects},
    {client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: redirects},
    {
      client_id: 'edwards', client_secret: secret, redirect_uris: redirects,
      id_token_signed_response_alg: 'EdDSA',
    },
  ].map((client) => ({grant_types: ['authorization_code', 'refresh_token'], ...client})),
  scopes: [ // and those of others
    'openid', 'offline_access', 'read:user', 'user:email', 'read:org', 'user.read',
    ...['email', 'profile'].map((name) => `https://www.googleapis.com/auth/userinfo.${name}`),
  ],
  claims: {openid: ['sub'], profile: ['name'], groups: ['groups']},
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({sub: id, name: `Dr. ${id}`, groups: ['staff', 'readers']}),
  }),
  jwks: {keys},
  enabledJWA: {idTokenSigningAlgValues: ['RS256', 'EdDSA']},
  pkce: {required: () => true, methods: ['S256']},
  issueRefreshToken: () => true,
  rotateRefreshToken: true, // and using one twice withdraws all that was granted
  ttl: {AccessToken: (_context, _token, client) => (client.clientId === 'short' ? 11 : 3600)},
  cookies: {keys: ['for tests only']},
});

// What GitHub, Google and Microsoft answer at addresses of their own.
const answers = {
  '/user': (id) => ({id: 7, login: id, name: `Dr. ${id}`}),
  '/user/emails': (id) => [
    {email: `other@${id}.test`, primary: false},
    {email: `${id}@mail.test`, primary: true},
  ],
  '/user/teams': () => [{id: 1, name: 'staff'}],
  '/whoami': (id) => ({sub: id, id, name: `Dr. ${id}`}),
};
provider.use(async (context, next) => {
  const answer = answers[context.path];
  if (answer === undefined) return next();
  const bearer = (context.get('authorization') || '').replace('Bearer ', '');
  const token = await provider.AccessToken.find(bearer);
  if (token === undefined) context.throw(401);
  context.body = answer(token.accountId);
});
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(new URL(issuer).port, '127.0.0.1', () => console.log('ready'));
