// The calls of `verify`, one after the other, as k6 makes them: what benchmarks/verify.py compares
// with. Run by it, with FACTS naming the file it wrote and MERCHANTS saying for how many.
import encoding from 'k6/encoding';
import exec from 'k6/execution';
import http from 'k6/http';

const facts = JSON.parse(open(__ENV.FACTS));

export const options = { vus: 1, iterations: 1 };

function answered(what, answer, status) {
  if (answer.status !== status) {
    exec.test.abort(`${what}: ${answer.status} ${answer.error}, wanted ${status}`);
  }
  return answer;
}

function secretOf(merchant) {
  const store = answered(
    'secret',
    http.post(facts.aws, JSON.stringify({ SecretId: merchant.secret }), {
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': 'secretsmanager.GetSecretValue',
        // the stand-in looks up who calls and does not check the signature
        Authorization:
          'AWS4-HMAC-SHA256 Credential=sandbox/20260101/us-east-1/secretsmanager/aws4_request, ' +
          'SignedHeaders=host, Signature=0',
      },
    }),
    200,
  );
  return JSON.parse(store.json('SecretString'));
}

export default function () {
  const tokenUrl = `${facts.url}/api/auth/v1/oauth/token?grant_type=client_credentials`;
  const orderUrl = `${facts.url}/api/checkout/v1/orders`;
  const basic = (id, secret) => ({
    headers: { Authorization: `Basic ${encoding.b64encode(`${id}:${secret}`)}` },
  });
  for (const echo of facts.echo) {
    answered('echo', http.get(echo), 200);
  }
  const json = { 'Content-Type': 'application/json' };
  const incomplete = JSON.stringify({ merchantConfig: {} });
  for (const merchant of facts.merchants.slice(0, Number(__ENV.MERCHANTS))) {
    const own = secretOf(merchant);
    const token = answered('token', http.post(tokenUrl, null, basic(own.client_id, own.client_secret)), 200);
    const bearer = { headers: Object.assign({ Authorization: `Bearer ${token.json('access_token')}` }, json) };
    answered('incomplete order', http.post(orderUrl, incomplete, bearer), 400);
    answered('order', http.post(orderUrl, JSON.stringify(merchant.order), bearer), 200);
  }
  answered('unknown client', http.post(tokenUrl, null, basic('nobody', 'n'.repeat(20))), 401);
  answered('order without token', http.post(orderUrl, incomplete, { headers: json }), 401);
}
