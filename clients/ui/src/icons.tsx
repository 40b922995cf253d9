import type { ReactNode } from "react";

const PATHS = {
  alert: (
    <>
      <path d="M12 3 2.5 20h19z" />
      <path d="M12 10v4.5M12 17.4v.1" />
    </>
  ),
  hourglass: <path d="M6 3h12M6 21h12M7 3c0 5 10 6 10 9s-10 4-10 9M17 3c0 5-10 6-10 9s10 4 10 9" />,
  check: <path d="m4 12.5 5.5 5.5L20 6.5" />,
  clock: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 7v5.2l3.4 2" />
    </>
  ),
  play: <path d="M7 4.5v15l12-7.5z" />,
  undo: <path d="M4 9h10a6 6 0 0 1 0 12H8M4 9l5-5M4 9l5 5" />,
  left: <path d="m15 4-8 8 8 8" />,
  right: <path d="m9 4 8 8-8 8" />,
  sound: <path d="M4 9.5v5h3.5L13 19V5L7.5 9.5zM16.5 9a4.5 4.5 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11" />,
  muted: <path d="M4 9.5v5h3.5L13 19V5L7.5 9.5zM17 9.5l5 5M22 9.5l-5 5" />,
  list: <path d="M8 6h13M8 12h13M8 18h13M3.5 6h.1M3.5 12h.1M3.5 18h.1" />,
  sum: <path d="M18 5H6l7 7-7 7h12" />,
  stop: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="m5.7 5.7 12.6 12.6" />
    </>
  ),
  grid: <path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" />,
  why: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 11v5.5M12 7.6v.1" />
    </>
  ),
  close: <path d="M5 5l14 14M19 5 5 19" />,
  more: <path d="M4 7h16M4 12h16M4 17h16" />,
  allergy: (
    <>
      <path d="M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8z" />
      <path d="M12 7.5v5.5M12 16.4v.1" />
    </>
  ),
  link: <path d="M4 12a11 11 0 0 1 16 0M7.5 15.5a6 6 0 0 1 9 0M12 19.2v.1" />,
  broken: <path d="M3 3l18 18M4 12a11 11 0 0 1 5-3M20 12a11 11 0 0 0-5-3M8 16a6 6 0 0 1 5-2M12 19.2v.1" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

/** A sign beside a word; never instead of one, so it is hidden from screen readers. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {PATHS[name]}
    </svg>
  );
}
