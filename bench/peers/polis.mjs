// Polis' directory sync (npm @boxyhq/saml-jackson) behind the least HTTP that it needs: polis.mjs PORT mem|postgres://…
// Prints one line of JSON with base and token when it serves. Loopback only.
import http from "node:http";
import jackson from "@boxyhq/saml-jackson";

const [port, store] = process.argv.slice(2);
const origin = `http://127.0.0.1:${port}`;
const start = jackson.default ?? jackson;
const { directorySyncController } = await start({
  externalUrl: origin,
  samlPath: "/saml",
  samlAudience: "bench",
  scimPath: "/scim",
  clientSecretVerifier: "bench",
  noAnalytics: true,
  db: store === "mem" ? { engine: "mem" } : { engine: "sql", type: "postgres", url: store, ssl: { rejectUnauthorized: false } },
});
const created = await directorySyncController.directories.create({
  name: "bench", tenant: "bench.example", product: "bench", type: "azure-scim-v2",
});
if (created.error) throw new Error(created.error.message);
const { id: directoryId, scim } = created.data;
const root = new URL(scim.endpoint ?? origin + scim.path).pathname.replace(/\/$/, "");

async function answer(request, text) {
  const url = new URL(request.url, origin);
  const [resourceType, resourceId] = url.pathname.slice(root.length + 1).split("/");
  const parameters = Object.fromEntries(url.searchParams);
  return directorySyncController.requests.handle({
    method: request.method,
    directoryId,
    resourceType,
    resourceId,
    body: text ? JSON.parse(text) : undefined,
    apiSecret: request.headers.authorization?.replace("Bearer ", "") ?? null,
    query: { ...parameters, count: Number(parameters.count ?? 0) || undefined },
  });
}

const server = http.createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const { status, data } = await answer(request, text).catch((error) => ({ status: 500, data: { detail: error.message } }));
  response.writeHead(status, { "content-type": "application/scim+json" });
  response.end(status === 204 ? "" : JSON.stringify(data ?? {}));
});
server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ base: origin + root, token: scim.secret })));
