import { createTheme, type MantineColorsTuple } from "@mantine/core";

const kelp: MantineColorsTuple = [
  "#e8f5f2",
  "#d0e9e3",
  "#a3d4c9",
  "#72bdad",
  "#4aaa96",
  "#2c9a85",
  "#188872",
  "#0e735f",
  "#0a6353",
  "#064d40",
];

/** Mantine's greys of the dark theme, in our tint. */
const dark: MantineColorsTuple = [
  "#e3e7e4",
  "#c6ceca",
  "#a0aaa5",
  "#76807b",
  "#3a423e",
  "#2f3633",
  "#1f2422",
  "#1a1e1c",
  "#161917",
  "#131615",
];

export const theme = createTheme({
  primaryColor: "kelp",
  primaryShade: { light: 8, dark: 7 },
  colors: { kelp, dark },
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  defaultRadius: 5,
  cursorType: "pointer",
  fontSizes: { xs: "12.5px", sm: "14px", md: "15px" },
});
