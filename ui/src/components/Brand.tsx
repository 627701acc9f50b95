/** The project's mark, in the colour of the text. */
export function Brand({ size = 20 }: { size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.2"
      strokeLinecap="round"
    >
      <path d="M6 17V7.5a4.5 4.5 0 1 1 4.5 4.5H9" />
      <path d="M14.5 15.5h.01" strokeWidth="3" />
    </svg>
  );
}
