/** The screen as it hangs: how large its panel is, and how far away people stand. */
export interface Viewing {
  panelInches: number;
  distanceMetres: number;
}

export type Grid = "L" | "M" | "S";

export const GRIDS: Record<Grid, { columns: number; rows: number; name: string }> = {
  L: { columns: 4, rows: 2, name: "Large" },
  M: { columns: 5, rows: 2, name: "Medium" },
  S: { columns: 6, rows: 2, name: "Small" },
};

export const PANELS = [10, 15.6, 21.5, 24, 27, 32, 43, 55];
export const DISTANCES = [0.7, 1, 1.5, 2, 2.5, 3];

const ARCMIN_PER_RADIAN = 3437.75;
/** Height of a capital letter of Inter against its type size. */
const CAP_HEIGHT = 0.727;
/** What ISO 9241-3 calls the least, 16 minutes of arc, and a little more for steam and hurry. */
const MINIMUM_ARCMIN = 16;
const WANTED_ARCMIN = 16.6;

function pixelMillimetres(panelInches: number, screenWidth: number, screenHeight: number): number {
  return (panelInches * 25.4) / Math.hypot(screenWidth, screenHeight);
}

/** The type size, in CSS pixels, of an item that can be read from where people stand. */
export function wantedUnit({ panelInches, distanceMetres }: Viewing, width: number, height: number): number {
  const capMillimetres = (distanceMetres * 1000 * WANTED_ARCMIN) / ARCMIN_PER_RADIAN;
  return capMillimetres / pixelMillimetres(panelInches, width, height) / CAP_HEIGHT;
}

/** From how far away type of this size can still be read. */
export function readableMetres(unit: number, panelInches: number, width: number, height: number): number {
  const capMillimetres = unit * CAP_HEIGHT * pixelMillimetres(panelInches, width, height);
  return (capMillimetres * ARCMIN_PER_RADIAN) / MINIMUM_ARCMIN / 1000;
}

/** The size that is used: what is wanted, but no more than the cells of the grid can hold. */
export function unit(viewing: Viewing, cell: { width: number; height: number }, width: number, height: number): number {
  const room = Math.min(cell.width / 10.4, cell.height / 11.5);
  return Math.max(14, Math.floor(Math.min(wantedUnit(viewing, width, height), room) * 4) / 4);
}
