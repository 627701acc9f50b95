import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const KILOBYTE = 1000;
const BUDGETS_GZIP_BYTES = { entryScript: 200 * KILOBYTE, entryStyle: 20 * KILOBYTE, lazyScript: 80 * KILOBYTE };
const COMPRESSED = /\.(js|css|html|svg|json)$/;

/** Writes `file.gz` beside every text file, and fails the build when what a browser has to load outgrows its budget. */
function compressWithinBudget(): Plugin {
  return {
    name: "perdure:compress-within-budget",
    apply: "build",
    writeBundle(options, bundle) {
      const gzipBytes = new Map<string, number>();
      for (const [name, item] of Object.entries(bundle)) {
        if (!COMPRESSED.test(name)) continue;
        const packed = gzipSync(item.type === "chunk" ? item.code : item.source, { level: 9 });
        gzipBytes.set(name, packed.length);
        writeFileSync(join(options.dir ?? ".", `${name}.gz`), packed);
      }

      const chunks = Object.values(bundle).filter((item) => item.type === "chunk");
      const imports = new Map(chunks.map((chunk) => [chunk.fileName, chunk.imports]));
      const first = new Set(chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName));
      for (const name of first) for (const imported of imports.get(name) ?? []) first.add(imported);
      const styles = new Set(
        chunks.filter((chunk) => first.has(chunk.fileName)).flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]),
      );

      const size = (names: Iterable<string>) => [...names].reduce((sum, name) => sum + (gzipBytes.get(name) ?? 0), 0);
      const found: [string, number, number][] = [
        ["scripts of the first page", size(first), BUDGETS_GZIP_BYTES.entryScript],
        ["styles of the first page", size(styles), BUDGETS_GZIP_BYTES.entryStyle],
        ...[...imports.keys()]
          .filter((name) => !first.has(name))
          .map((name): [string, number, number] => [name, size([name]), BUDGETS_GZIP_BYTES.lazyScript]),
      ];
      const over = found.filter(([, bytes, budget]) => bytes > budget);
      if (over.length > 0) {
        const lines = over.map(([what, bytes, budget]) => `  ${what}: ${kilobytes(bytes)}, budget ${kilobytes(budget)}`);
        this.error(`The console is over its gzip budget:\n${lines.join("\n")}`);
      }
    },
  };
}

function kilobytes(bytes: number): string {
  return `${(bytes / KILOBYTE).toFixed(1)} kB`;
}

const server = process.env["PERDURE_URL"] ?? "http://127.0.0.1:8000";
const proxied = { target: server, changeOrigin: true, ws: true };

export default defineConfig({
  plugins: [react(), compressWithinBudget()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: process.env["PERDURE_UI_OUT_DIR"] ?? "dist",
    emptyOutDir: true,
    target: "es2023",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
  },
  server: { proxy: { "/api": proxied, "/ws": proxied, "/ready": proxied, "/health": proxied } },
});
