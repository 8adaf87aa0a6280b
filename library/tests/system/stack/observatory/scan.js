// Prints the grades of MDN's HTTP Observatory for pages of a site, as JSON: `scan.js HOST HTTPS_PORT PATH…`. HOST resolves here.

import { connect, createServer } from "node:net";
import { scan } from "@mdn/mdn-http-observatory/src/scanner/index.js";

// The scanner uses the browsers' ports; nginx has others in its container, and redirects to the published one.
function forward(port, portOfNginx) {
  const server = createServer((client) => {
    const nginx = connect(portOfNginx, "nginx");
    client.pipe(nginx).pipe(client);
    for (const [socket, other] of [[client, nginx], [nginx, client]]) {
      socket.on("error", () => other.destroy());
    }
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
}

const [host, port, ...paths] = process.argv.slice(2);
await Promise.all([forward(80, 8080), forward(443, 8443), forward(Number(port), 8443)]);
const judged = {};
for (const path of paths) {
  const { scan: result, tests } = await scan(`${host}${path}`);
  const lost = Object.entries(tests).filter(([, test]) => !test.pass || test.scoreModifier < 0);
  judged[path] = { grade: result.grade, score: result.score, lost: Object.fromEntries(lost) };
}
console.log(JSON.stringify(judged));
process.exit(); // the ports stay open otherwise
