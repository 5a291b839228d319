// The same design in sharp. Takes a task's name a line, answers with its milliseconds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';

const folder = process.argv[2];
const work = JSON.parse(readFileSync(join(folder, 'work.json')));
// No answer may come from an earlier round.
sharp.cache(false);

const original = { open: () => sharp(join(folder, 'photo.jpg')), size: work.photo };
const proxy = await sharp(join(folder, 'proxy.jpg')).raw().toBuffer({ resolveWithObject: true });
const editor = { open: () => sharp(proxy.data, { raw: raw(proxy.info) }), size: [proxy.info.width, proxy.info.height] };

const preview = { quality: 88, chromaSubsampling: '4:4:4' };
const print = { quality: 95, chromaSubsampling: '4:4:4' };
const tasks = {
  unseen: async () => (await draw(original, work.preview)).jpeg(preview).toFile(join(folder, 'sharp-unseen.jpg')),
  warm: async () => (await draw(editor, work.preview)).jpeg(preview).toFile(join(folder, 'sharp-warm.jpg')),
  png: async () => (await draw(original, work.print)).png().withDensity(300).toFile(join(folder, 'sharp-png.png')),
  jpeg: async () => (await draw(original, work.print)).jpeg(print).withDensity(300).toFile(join(folder, 'sharp-jpeg.jpg')),
};

for await (const task of createInterface({ input: process.stdin })) {
  const start = performance.now();
  await tasks[task]();
  console.log(performance.now() - start);
}

async function draw(source, [width, height]) {
  const scale = width / work.width;
  const [left, top, w, h] = work.frame.map((mm) => Math.round(mm * scale));
  const photo = await inFrame(source, w, h, work.radius * scale);
  const lines = work.lines.map(
    (line) => `<text x="${work.width / 2}" y="${line.middle + line.size * 0.35}" font-size="${line.size}" text-anchor="middle"
      font-family="${line.family}" font-weight="${line.weight}" fill="${work.ink}">${line.text.replace('&', '&amp;')}</text>`,
  );
  const svg = (inside) => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"
    viewBox="0 0 ${work.width} ${work.height}">${inside}</svg>`);
  const shapes = work.shapes.replace(/^<svg[^>]*>|<\/svg>$/g, '');
  return sharp({ create: { width, height, channels: 3, background: work.background } }).composite([
    { input: svg(shapes) },
    { input: photo.data, raw: raw(photo.info), left, top },
    { input: svg(lines.join('')) },
  ]);
}

/** The photo turned, zoomed so that it covers the frame, cut to it, its corners rounded. */
async function inFrame(source, w, h, radius) {
  const [width, height] = source.size;
  const angle = (work.turn * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [boxWidth, boxHeight] = [w * cos + h * sin, w * sin + h * cos];
  const scale = Math.max(boxWidth / width, boxHeight / height) * work.zoom;
  let image = source.open();
  let [newWidth, newHeight] = [Math.round(width * scale), Math.round(height * scale)];
  if (scale > 1) {
    // Enlarged, only the part that is seen; made smaller, the whole, since sharp then decodes a smaller JPEG.
    const part = [Math.min(width, Math.ceil(boxWidth / scale) + 4), Math.min(height, Math.ceil(boxHeight / scale) + 4)];
    image = image.extract({
      left: Math.floor((width - part[0]) / 2), top: Math.floor((height - part[1]) / 2), width: part[0], height: part[1],
    });
    [newWidth, newHeight] = [Math.round(part[0] * scale), Math.round(part[1] * scale)];
  }
  // The picture grows when it is turned; the frame lies in its middle.
  const turned = [newWidth * cos + newHeight * sin, newWidth * sin + newHeight * cos];
  const mask = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">
    <rect width="${w}" height="${h}" rx="${radius}"/></svg>`);
  return image
    .resize(newWidth, newHeight, { fit: 'fill', kernel: scale > 1 ? 'cubic' : 'lanczos3' })
    .rotate(work.turn)
    .extract({ left: Math.floor((turned[0] - w) / 2), top: Math.floor((turned[1] - h) / 2), width: w, height: h })
    .ensureAlpha()
    .composite([{ input: mask, blend: 'dest-in' }])
    .raw()
    .toBuffer({ resolveWithObject: true });
}

function raw({ width, height, channels }) {
  return { width, height, channels };
}
