const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/HeadlessChrome\/|Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux|X11/, "Linux"],
];

/** What a person calls the program behind "address, program": "Firefox on Linux", or the program's own first word. */
export function programOf(source: string | null): string {
  const program = source?.split(" ").slice(1).join(" ") ?? "";
  if (!program) return "Unknown program";
  const browser = BROWSERS.find(([sign]) => sign.test(program))?.[1];
  if (!browser) return program.split(" ")[0] ?? program;
  const system = SYSTEMS.find(([sign]) => sign.test(program))?.[1];
  return system ? `${browser} on ${system}` : browser;
}
