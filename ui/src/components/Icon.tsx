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
  right: "M3 8h9m-3.6-3.6L12 8l-3.6 3.6",
  left: "M13 8H4m3.6-3.6L4 8l3.6 3.6",
  chevron: "M6 4l4 4-4 4",
  pen: "M3 13l.7-3L10.6 3 13 5.4 6 12.3zM9.4 4.2l2.4 2.4",
  question: "M5.8 6.2a2.2 2.2 0 1 1 3.3 1.9c-.8.5-1.1.9-1.1 1.7M8 12h.1",
  coin: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM9.8 6.2C9.4 5.6 8.8 5.3 8 5.3c-1 0-1.7.5-1.7 1.3 0 1.8 3.5 1 3.5 2.8 0 .8-.8 1.3-1.8 1.3-.8 0-1.5-.3-1.9-.9M8 4.3v7.4",
  graph: "M3 3h4v3.5H3zM9 9.5h4V13H9zM5 6.5v3.2c0 .9.4 1.5 1.4 1.5H9",
  flag: "M4 14V2.5h8L10 5.5l2 3H4",
  gear: "M8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4zM8 1.8v1.9m0 8.6v1.9M1.8 8h1.9m8.6 0h1.9M3.6 3.6L5 5m6 6l1.4 1.4m0-8.8L11 5M5 11l-1.4 1.4",
  inbox: "M2.5 9l1.8-5.5h7.4L13.5 9v3.5h-11zM2.5 9H6c.2 1 .9 1.6 2 1.6S9.8 10 10 9h3.5",
  fork: "M5 3.2v4.3c0 1 .6 1.6 1.6 1.6h2.8c1 0 1.6-.6 1.6-1.6V6.4M8 9.1v3.6M5 3.2h.1m5.9 1.4h.1M8 13.4h.1",
  wrench: "M9.2 6.8L3.4 12.6M12.6 5.6a3 3 0 0 1-4 2.8M9.6 2.9l-.3 2 1.6 1.6 2-.3M9.6 2.9a3 3 0 0 0-2.2 4.2M12.9 6.2",
  code: "M5.5 4.5L2.5 8l3 3.5m5-7l3 3.5-3 3.5",
  bolt: "M9 2L4 9h3.5L7 14l5-7H8.5z",
  bulb: "M6.3 11.5h3.4M6.8 13.5h2.4M6.2 9.6C5 8.9 4.3 7.9 4.3 6.6a3.7 3.7 0 0 1 7.4 0c0 1.3-.7 2.3-1.9 3z",
  checks: "M2 5l1.5 1.5L6 4m2.5 1.2h5M2 10.5L3.5 12 6 9.5m2.5 1.2h5",
  messages: "M2.5 3h8v5.5H6L4 10V8.5H2.5zM6 10.5v1h4l2 1.5v-1.5h1.5V6h-1",
  book: "M3 3.2c2-.6 3.7-.4 5 .6 1.3-1 3-1.2 5-.6v9.2c-2-.6-3.7-.4-5 .6-1.3-1-3-1.2-5-.6zM8 3.8V13",
  scan: "M3 5.5V3h2.5m5 0H13v2.5m0 5V13h-2.5m-5 0H3v-2.5M5 8h6",
  link: "M6.7 9.3l2.6-2.6M7.4 5l1.4-1.4a2.4 2.4 0 0 1 3.5 3.5L10.9 8.5M8.6 11l-1.4 1.4a2.4 2.4 0 0 1-3.5-3.5L5.1 7.5",
  copy: "M5.5 5.5h7v7.5h-7zM10.5 5.5V3h-7v7.5h2",
  user: "M8 2.8a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2zM3 13.4c.4-2.6 2.4-3.9 5-3.9s4.6 1.3 5 3.9",
  users: "M6 3.2a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6zM1.8 13c.3-2.4 2-3.5 4.2-3.5s3.9 1.1 4.2 3.5M10.6 3.5a2.2 2.2 0 0 1 0 4.1M12 9.8c1.3.5 2.1 1.6 2.3 3.2",
  key: "M10.3 2.7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8.1 7.9L2.8 13.2M4.6 11.4l1.7 1.7",
  leave: "M6.5 3H3v10h3.5M7 8h6.5m-2.7-2.7L13.5 8l-2.7 2.7",
  menu: "M3 4.5h10M3 8h10M3 11.5h10",
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
