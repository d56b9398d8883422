// A certified OpenID provider with its own pages for signing in and consenting: anybody may be anybody.
// node provider.mjs ISSUER REDIRECT_URI…
import Provider from 'oidc-provider';

const [issuer, ...redirects] = process.argv.slice(2);
const provider = new Provider(issuer, {
  clients: [{client_id: 'app', client_secret: 'a secret for tests only', redirect_uris: redirects}],
  claims: {openid: ['sub'], profile: ['name']},
  findAccount: (_context, id) => ({accountId: id, claims: () => ({sub: id, name: `Dr. ${id}`})}),
  pkce: {required: () => true, methods: ['S256']},
  cookies: {keys: ['for tests only']},
});
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(new URL(issuer).port, '127.0.0.1', () => console.log('ready'));
