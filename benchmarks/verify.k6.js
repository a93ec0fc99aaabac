// The calls of `verify`, as many merchants at once as there, as k6 makes them: what benchmarks/verify.py
// compares with. Run by it, with FACTS naming the file it wrote, MERCHANTS and AT_ONCE saying how many.
import encoding from 'k6/encoding';
import exec from 'k6/execution';
import http from 'k6/http';

const facts = JSON.parse(open(__ENV.FACTS));

export const options = { vus: Number(__ENV.AT_ONCE), iterations: Number(__ENV.MERCHANTS) };

const tokenUrl = `${facts.url}/api/auth/v1/oauth/token?grant_type=client_credentials`;
const orderUrl = `${facts.url}/api/checkout/v1/orders`;
const json = { 'Content-Type': 'application/json' };
const incomplete = JSON.stringify({ merchantConfig: {} });

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

function basic(id, secret) {
  return { headers: { Authorization: `Basic ${encoding.b64encode(`${id}:${secret}`)}` } };
}

export default function () {
  const number = exec.scenario.iterationInTest;
  const merchant = facts.merchants[number];
  if (number === 0) {
    // once per run, beside the other merchants, as `verify` does
    for (const echo of facts.echo) {
      answered('echo', http.get(echo), 200);
    }
    answered('unknown client', http.post(tokenUrl, null, basic('nobody', 'n'.repeat(20))), 401);
    answered('order without token', http.post(orderUrl, incomplete, { headers: json }), 401);
  }
  const own = secretOf(merchant);
  const token = answered('token', http.post(tokenUrl, null, basic(own.client_id, own.client_secret)), 200);
  const bearer = { headers: Object.assign({ Authorization: `Bearer ${token.json('access_token')}` }, json) };
  answered('incomplete order', http.post(orderUrl, incomplete, bearer), 400);
  answered('order', http.post(orderUrl, JSON.stringify(merchant.order), bearer), 200);
}
