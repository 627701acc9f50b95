import { expect, it } from "vitest";
import { pictureAt, pictureType, relativePath } from "./pictures";

const FILES = ["plot.png", "out/plot.png", "out/a b.jpg", "50%.png", "notes.md", "drawing.svg"].map((path) => ({ path }));

it.each([
  ["plot.png", "", "plot.png"],
  ["./plot.png", "", "plot.png"],
  ["plot.png", "out", "out/plot.png"],
  ["../plot.png", "out", "plot.png"],
  ["out/plot.png", "out", "out/plot.png"],
  ["out/a%20b.jpg", "", "out/a b.jpg"],
  ["50%.png", "", "50%.png"],
])("%s seen from “%s” is the session’s own %s", (address, folder, path) => {
  expect(pictureAt(address, FILES, folder)?.path).toBe(path);
});

it.each([
  "https://example.org/plot.png",
  "//example.org/plot.png",
  "/plot.png",
  "\\\\example.org\\plot.png",
  "data:image/png;base64,AAAA",
  "blob:plot.png",
  "file:plot.png",
  "javascript:plot.png",
  "../plot.png",
  "out/../../plot.png",
  "?plot.png",
  "#plot.png",
  "",
  "missing.png",
  "notes.md",
  "drawing.svg",
])("“%s” is no picture of the session", (address) => {
  expect(pictureAt(address, FILES)).toBeNull();
});

it("a name that only looks like one of a kind is none", () => {
  expect(pictureType("x.constructor")).toBeNull();
  expect(pictureType("X.PNG")).toBe("image/png");
  expect(relativePath("%2e%2e/secret.png")).toBeNull();
});
