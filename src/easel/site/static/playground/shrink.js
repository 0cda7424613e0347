// A picture as it is sent: no larger than a model can make use of, however large the photograph is.

const MOST_BYTES = 8 * 2 ** 20;
const MOST_PIXELS = 4096 * 4096;
const LONGEST = 2048;

const UNREADABLE = "This file is no picture that can be read: choose a PNG, JPEG or WebP.";
const SVG = "An SVG drawing is not read: save it as PNG and choose that.";

// Throws an Error with a sentence for what is no picture.
export async function fitting(file) {
  if (file.type === "image/svg+xml") throw new Error(SVG);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(UNREADABLE);
  }
  const { width, height } = bitmap;
  if (file.size <= MOST_BYTES && width * height <= MOST_PIXELS) return file;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.round(width * scale),
    height: Math.round(height * scale),
  });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  return new File([blob], "picture.jpg", { type: "image/jpeg" });
}
