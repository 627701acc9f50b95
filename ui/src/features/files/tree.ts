import { pictureType } from "@/lib/pictures";
import type { FileEntry } from "@/live/session-state";

export interface Folder {
  readonly path: string;
  readonly name: string;
  readonly folders: readonly Folder[];
  readonly files: readonly FileEntry[];
}

/** Files in their folders, folders first, both by name. */
export function treeOf(files: readonly FileEntry[], path = ""): Folder {
  const prefix = path ? `${path}/` : "";
  const inside = files.filter((file) => file.path.startsWith(prefix));
  const here = inside.filter((file) => !file.path.slice(prefix.length).includes("/"));
  const names = [
    ...new Set(
      inside
        .filter((file) => !here.includes(file))
        .map((file) => file.path.slice(prefix.length).split("/", 1)[0] ?? ""),
    ),
  ].sort();
  return {
    path,
    name: path.split("/").at(-1) ?? "",
    folders: names.map((name) => treeOf(inside, prefix + name)),
    files: [...here].sort((a, b) => a.path.localeCompare(b.path)),
  };
}

export type Preview = "markdown" | "image" | "pdf" | "json" | "text";

/** How a file can be shown, by its name. SVG is text here: it may hold scripts. */
export function previewOf(path: string): Preview {
  const ending = path.split(".").at(-1)?.toLowerCase() ?? "";
  if (ending === "md" || ending === "markdown") return "markdown";
  if (pictureType(path)) return "image";
  if (ending === "pdf") return "pdf";
  if (ending === "json") return "json";
  return "text";
}
