/**
 * Heights of the parts of a ticket, in units (one unit is the type size of an item). The style sheet takes the same
 * numbers as custom properties, so what is reckoned here is what is drawn.
 */
export const METRICS = {
  gapPx: 8,
  borderPx: 2,
  headerEm: 2.8,
  continuedEm: 1.5,
  footerMinPx: 74,
  footerEm: 2.05,
  tearEm: 0.55,
  bodyPadEm: 0.22,
  sidePadEm: 0.4,
  itemGapEm: 0.12,
  itemMinEm: 1.42,
  itemPadEm: 0.12,
  nameLine: 1.18,
  quantityEm: 1.6,
  modifierSize: 0.86,
  modifierLine: 1.2,
  metaSize: 0.68,
  metaLine: 1.35,
  noteSize: 0.8,
  noteLine: 1.25,
  bandSize: 0.78,
  bandLine: 1.2,
  bandPadEm: 0.22,
  bandTouchPx: 72,
} as const;

/** The metrics as custom properties for the root element. */
export function metricProperties(unit: number): Record<string, string> {
  const properties: Record<string, string> = { "--u": `${unit}px` };
  for (const [name, value] of Object.entries(METRICS)) {
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name.endsWith("Em")) properties[`--${kebab.slice(0, -3)}`] = `calc(var(--u) * ${value})`;
    else if (name.endsWith("Px")) properties[`--${kebab.slice(0, -3)}`] = `${value}px`;
    else if (name.endsWith("Size")) properties[`--${kebab}`] = `calc(var(--u) * ${value})`;
    else properties[`--${kebab}`] = String(value);
  }
  return properties;
}

/** Tells how wide a text is. Weight 400 to 800. */
export type Measure = (text: string, sizePx: number, weight: number) => number;

/** How many lines a text takes when it is broken at spaces, and inside words that are too long. */
export function lines(text: string, width: number, measure: (part: string) => number): number {
  if (text === "") return 0;
  let count = 1;
  let used = 0;
  const space = measure(" ");
  for (const word of text.split(/\s+/)) {
    const wide = measure(word);
    const needed = used === 0 ? wide : used + space + wide;
    if (needed <= width) {
      used = needed;
      continue;
    }
    if (used > 0) count += 1;
    const extra = Math.max(0, Math.ceil(wide / width) - 1);
    count += extra;
    used = extra > 0 ? width : wide;
  }
  return count;
}
