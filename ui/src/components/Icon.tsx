/** Icons, drawn here: 16 × 16, strokes in the colour of the text. Decoration only; words say the same. */

const PATHS = {
  hand: "M5.5 8V3.5a1 1 0 0 1 2 0V7m0-.5v-4a1 1 0 0 1 2 0V7m0-3.5a1 1 0 0 1 2 0V9c0 3-1.6 5-4.2 5-2 0-3-.9-3.9-2.4L2.2 9.3c-.5-.9.7-1.7 1.4-.9L5.5 10",
  play: "M5 3.2v9.6l7.5-4.8z",
  pause: "M5.5 3.5v9m5-9v9",
  check: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8m0-8l-8 8",
  clock: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2 1.3",
  box: "M2.5 4h11v2.5h-11zM3.5 6.5v6h9v-6M6.5 9h3",
  bin: "M3 4.5h10M6.5 4V2.8h3V4m-5 .5l.6 8.7h5.8l.6-8.7",
  ring: "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  plus: "M8 3v10M3 8h10",
  search: "M7 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zm3 7l3.2 3.2",
  sun: "M8 5.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2zM8 1.8v1.4m0 9.6v1.4M1.8 8h1.4m9.6 0h1.4M3.6 3.6l1 1m6.8 6.8l1 1m0-8.8l-1 1m-6.8 6.8l-1 1",
  moon: "M13 9.6A5.4 5.4 0 0 1 6.4 3 5.4 5.4 0 1 0 13 9.6z",
  retry: "M12.8 8a4.8 4.8 0 1 1-1.5-3.5M12.8 2.3v2.6h-2.6",
  down: "M8 3v9m-3.6-3.6L8 12l3.6-3.6",
  up: "M8 13V4M4.4 7.6L8 4l3.6 3.6",
  file: "M4 2.5h5l3 3v8H4zM9 2.5v3h3",
  list: "M5.5 4h8m-8 4h8m-8 4h8M2.5 4h.1m-.1 4h.1m-.1 4h.1",
  chat: "M2.5 3.5h11v7.5H7l-3 2.5V11H2.5z",
  terminal: "M3 4l3.5 3.7L3 11.4m5 .6h5",
  shield: "M8 2l5 1.8v3.9c0 3-2 5.2-5 6.3-3-1.1-5-3.3-5-6.3V3.8zM5.7 8l1.6 1.6L10.5 6.4",
  off: "M2.5 2.5l11 11M4.5 8.8a5 5 0 0 1 2-1.6m2.8-.1a5 5 0 0 1 2.2 1.7M2.3 6.5a8 8 0 0 1 2.2-1.6m3-.7a8 8 0 0 1 6.2 2.3M8 12h.1",
  more: "M3.5 8h.1m4.4 0h.1m4.4 0h.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16, spin = false }: { name: IconName; size?: number; spin?: boolean }) {
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      className={spin ? "spin" : undefined}
      style={{ flex: "none" }}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
