// Unpacks the Chromium inside the npm package @sparticuz/chromium: node unpack-chromium.mjs <ui folder> <target folder>
// Not by the package's own function: that one unpacks to a shared temporary path, for another kind of host.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const [ui, target] = process.argv.slice(2);
const entry = createRequire(path.join(ui, "package.json")).resolve("@sparticuz/chromium");
const tar = createRequire(entry)("tar-fs");
const packed = (name) => [
  createReadStream(path.join(path.dirname(entry), "..", "bin", name)),
  createBrotliDecompress(),
];

await mkdir(target, { recursive: true });
await Promise.all([
  pipeline(...packed("chromium.br"), createWriteStream(path.join(target, "chromium"), { mode: 0o755 })),
  pipeline(...packed("al2023.tar.br"), tar.extract(path.join(target, "al2023"))),
  pipeline(...packed("fonts.tar.br"), tar.extract(path.join(target, "fonts"))),
  pipeline(...packed("swiftshader.tar.br"), tar.extract(target)),
]);
