/** Pictures among a session's files, and what an address in a text means among them. Pure. */

const TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
};

/** The media type of a picture, by its name; null for everything else. SVG is none: it may hold scripts. */
export function pictureType(path: string): string | null {
  const ending = path.split(".").at(-1)?.toLowerCase() ?? "";
  return Object.hasOwn(TYPES, ending) ? (TYPES[ending] ?? null) : null;
}

/** The path that a relative address means, seen from a folder; null for one that leads out of the session's files. */
export function relativePath(address: string, folder = ""): string | null {
  if (/^[a-z][a-z\d+.-]*:/i.test(address) || /^[/\\?#]/.test(address)) return null;
  const parts = folder === "" ? [] : folder.split("/");
  for (const part of decoded(address).split("/")) {
    if (part === "..") {
      if (parts.length === 0) return null;
      parts.pop();
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.length > 0 ? parts.join("/") : null;
}

function decoded(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address; // a name with a percent sign in it
  }
}

/** The picture of the session that an address in a text means: seen from the text's folder, else from the top. */
export function pictureAt<F extends { readonly path: string }>(
  address: string,
  files: readonly F[],
  folder = "",
): F | null {
  for (const from of new Set([folder, ""])) {
    const path = relativePath(address, from);
    const file = path === null ? undefined : files.find((each) => each.path === path);
    if (file && pictureType(file.path)) return file;
  }
  return null;
}
