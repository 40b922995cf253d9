// Draws the icons of the app: a ticket with a torn edge and a tick on it. Run by hand after a change; PNGs are committed.
import { writeFileSync } from "node:fs";
import { deflateSync } from "node:zlib";

const OUT = new URL("../public/", import.meta.url);
const GROUND = [9, 11, 14];
const PAPER = [245, 247, 249];
const HEAD = [255, 194, 51];
const INK = [20, 113, 58];
const SAMPLES = 4;

/** The colour at a point of the unit square; `margin` is the room that a mask may cut away. */
function paint(x, y, { margin, round }) {
  const corner = 0.2;
  if (round) {
    const dx = Math.max(corner - x, x - (1 - corner), 0);
    const dy = Math.max(corner - y, y - (1 - corner), 0);
    if (Math.hypot(dx, dy) > corner) return [...GROUND, 0];
  }
  const u = (x - margin) / (1 - 2 * margin);
  const v = (y - margin) / (1 - 2 * margin);
  const tooth = Math.abs((((u - 0.2) / 0.1) % 1) - 0.5) * 0.1;
  const onPaper = u > 0.2 && u < 0.8 && v > 0.14 && v < 0.84 + tooth;
  if (!onPaper) return [...GROUND, 255];
  if (v < 0.3) return [...HEAD, 255];
  const near = Math.min(segment(u, v, 0.33, 0.57, 0.45, 0.69), segment(u, v, 0.45, 0.69, 0.68, 0.42));
  return near < 0.05 ? [...INK, 255] : [...PAPER, 255];
}

function segment(px, py, ax, ay, bx, by) {
  const along = ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay));
}

function png(size, look) {
  const raw = Buffer.alloc(size * (size * 4 + 1));
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const sum = [0, 0, 0, 0];
      for (let s = 0; s < SAMPLES * SAMPLES; s += 1) {
        const x = (column + ((s % SAMPLES) + 0.5) / SAMPLES) / size;
        const y = (row + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES) / size;
        paint(x, y, look).forEach((value, channel) => {
          sum[channel] += value;
        });
      }
      const at = row * (size * 4 + 1) + 1 + column * 4;
      sum.forEach((value, channel) => {
        raw[at + channel] = Math.round(value / SAMPLES ** 2);
      });
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(raw, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc(body), body.length + 4);
  return out;
}

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

writeFileSync(new URL("icon-192.png", OUT), png(192, { margin: 0.02, round: true }));
writeFileSync(new URL("icon-512.png", OUT), png(512, { margin: 0.02, round: true }));
writeFileSync(new URL("icon-maskable-512.png", OUT), png(512, { margin: 0.12, round: false }));
writeFileSync(new URL("apple-touch-icon.png", OUT), png(180, { margin: 0.06, round: false }));
