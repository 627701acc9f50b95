import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const SRC = join(import.meta.dirname, "..");

/** What each folder may import from, besides itself; the order is the order of the layers. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  gen: [],
  lib: [],
  api: ["gen", "lib"],
  live: ["api", "lib"],
  components: ["api", "lib", "live"],
  features: ["components", "api", "lib", "live"],
  app: ["features", "components", "api", "lib", "live"],
};

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((path) => /\.tsx?$/.test(path));
const importsOf = (path: string) =>
  [...readFileSync(join(SRC, path), "utf8").matchAll(/from "@\/([\w-]+)(?:\/([\w-]+))?/g)].map((match) => [
    match[1],
    match[2],
  ]);

it.each(Object.keys(ALLOWED))("%s imports only from the layers below it", (layer) => {
  for (const path of files.filter((each) => each.startsWith(`${layer}/`))) {
    for (const [target] of importsOf(path)) {
      expect(["", layer, ...(ALLOWED[layer] ?? [])], path).toContain(target);
    }
  }
});

it("features do not import each other", () => {
  for (const path of files.filter((each) => each.startsWith("features/"))) {
    const own = path.split("/")[1];
    for (const [target, feature] of importsOf(path)) if (target === "features") expect(feature, path).toBe(own);
    expect(readFileSync(join(SRC, path), "utf8"), path).not.toMatch(/from "\.\.\//);
  }
});
