// A server that speaks HTTP/2 over TLS, and HTTP/1.1 to who doesn't; or HTTP/1.1 only:
// `node http2_server.js KEY CERT [only-http1]`. It prints its port, then answers by path; /count
// says what it has seen.
const fs = require("fs");
const http2 = require("http2");
const https = require("https");

const [key, cert, only] = process.argv.slice(2);
const options = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
const server = only === "only-http1"
  ? https.createServer(options)
  : http2.createSecureServer({ ...options, allowHTTP1: true });
let sessions = 0, open = 0, connections = 0, inside = 0, most = 0, bye = 0;
const waiting = [];

server.on("session", (session) => {
  sessions += 1;
  open += 1;
  session.on("error", () => {});
  session.on("close", () => { open -= 1; });
});
server.on("secureConnection", () => { connections += 1; });

server.on("request", async (request, response) => {
  const answer = (body) => {
    response.setHeader("content-type", "application/json");
    response.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  };
  const chunks = [];
  request.on("error", () => {});
  response.on("error", () => {});
  request.on("data", (chunk) => chunks.push(chunk));
  await new Promise((resolve) => request.on("end", resolve));
  const body = Buffer.concat(chunks);
  const { pathname } = new URL(request.url, "https://localhost");
  inside += 1;
  most = Math.max(most, inside);
  response.on("close", () => { inside -= 1; });
  if (pathname === "/version") answer({ version: request.httpVersion });
  else if (pathname === "/count") answer({ sessions, open, connections, most, bye, waiting: waiting.length });
  else if (pathname === "/echo") answer(body);
  else if (pathname === "/wait") waiting.push(() => answer({ version: request.httpVersion }));
  else if (pathname === "/release") { for (const each of waiting.splice(0)) each(); answer({}); }
  else if (pathname === "/hang") return;
  else if (pathname === "/drip") { response.write(Buffer.alloc(4 << 20, "x")); }
  else if (pathname === "/bye") {
    const { session } = request.stream;
    answer({});
    setTimeout(() => { session.destroy(); bye += 1; }, 10);
  }
  else if (pathname === "/close") {
    response.setHeader("connection", "close");
    answer({ version: request.httpVersion });
  }
  else if (pathname === "/goaway") request.stream.session.destroy();
  else { response.statusCode = 404; answer({}); }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
