// A mask painted over a picture: with a mouse, a finger, a pen or the keyboard. Every mark is kept, so that undoing is
// painting all but the last one again.

const LONGEST = 1024;
const COLOUR = "rgb(214 74 38)"; // tokens.css: --accent; how much of the picture shows through is the style sheet's
const LIGHTEST = 0.35; // of a pen that hardly touches

export class Brush {
  marks = [];
  base = null;
  isTouched = false;

  constructor(canvas, tools, width, height, changed) {
    // Another picture has another mask: nothing of the brush before is left on the canvas.
    this.canvas = canvas.cloneNode();
    canvas.replaceWith(this.canvas);
    this.tools = tools.cloneNode(true);
    tools.replaceWith(this.tools);
    this.changed = changed;
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.place = { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    this.listen();
  }

  get size() {
    return (Number(this.tools.querySelector("[data-brush-size]").value) / 100) * Math.max(this.canvas.width, this.canvas.height);
  }

  get erases() {
    return this.tools.querySelector("[data-mode]:checked").value === "erase";
  }

  get isEmpty() {
    if (!this.base && !this.marks.length) return true;
    const { data } = this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height);
    for (let place = 3; place < data.length; place += 4) if (data[place] > 127) return false;
    return true;
  }

  // White on black, as the server wants it.
  toBlob() {
    const copy = Object.assign(document.createElement("canvas"), { width: this.canvas.width, height: this.canvas.height });
    const pen = copy.getContext("2d");
    pen.drawImage(this.canvas, 0, 0);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = "white";
    pen.fillRect(0, 0, copy.width, copy.height);
    pen.globalCompositeOperation = "destination-over";
    pen.fillStyle = "black";
    pen.fillRect(0, 0, copy.width, copy.height);
    return new Promise((done) => copy.toBlob(done, "image/png"));
  }

  // Begin with a mask that is there already: what is bright in it is painted.
  load(image, isStored) {
    const { width, height } = this.canvas;
    this.base = Object.assign(document.createElement("canvas"), { width, height });
    const pen = this.base.getContext("2d");
    pen.drawImage(image, 0, 0, width, height);
    const pixels = pen.getImageData(0, 0, width, height);
    const [red, green, blue] = COLOUR.match(/\d+/g).map(Number);
    for (let place = 0; place < pixels.data.length; place += 4) {
      const light = (pixels.data[place] + pixels.data[place + 1] + pixels.data[place + 2]) / 3;
      pixels.data.set([red, green, blue, (light * pixels.data[place + 3]) / 255], place);
    }
    pen.putImageData(pixels, 0, 0);
    this.marks = [];
    this.redraw();
    this.isTouched = !isStored;
    this.changed();
  }

  add(mark) {
    this.marks.push(mark);
    this.apply(mark);
    this.touch();
  }

  undo() {
    this.marks.pop();
    this.redraw();
    this.touch();
  }

  touch() {
    this.isTouched = true;
    this.changed();
  }

  redraw() {
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.base) this.pen.drawImage(this.base, 0, 0);
    for (const mark of this.marks) this.apply(mark);
  }

  apply(mark) {
    const { pen, canvas } = this;
    pen.fillStyle = pen.strokeStyle = COLOUR;
    if (mark.kind === "clear") pen.clearRect(0, 0, canvas.width, canvas.height);
    if (mark.kind === "invert") {
      pen.globalCompositeOperation = "xor";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.globalCompositeOperation = "source-over";
    }
    if (mark.kind === "stroke") mark.points.forEach((_, place) => this.segment(mark, place));
  }

  // From the point before to this one.
  segment({ points, erases }, place) {
    const { pen } = this;
    const to = points[place];
    const from = points[Math.max(0, place - 1)];
    pen.globalCompositeOperation = erases ? "destination-out" : "source-over";
    pen.fillStyle = pen.strokeStyle = COLOUR;
    pen.lineCap = "round";
    pen.lineWidth = to.size;
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    pen.globalCompositeOperation = "source-over";
  }

  listen() {
    const { canvas, tools } = this;
    let stroke = null;

    const point = (event) => ({
      x: (event.offsetX / canvas.clientWidth) * canvas.width,
      y: (event.offsetY / canvas.clientHeight) * canvas.height,
      size: this.size * (event.pointerType === "pen" ? Math.max(LIGHTEST, event.pressure) : 1),
    });

    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button > 0 && !(event.buttons & 32)) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      // A pen's other end is an eraser.
      stroke = { kind: "stroke", points: [point(event)], erases: this.erases || Boolean(event.buttons & 32) };
      this.segment(stroke, 0);
    });
    canvas.addEventListener("pointermove", (event) => {
      this.place = point(event);
      this.showPlace();
      if (!stroke || !event.isPrimary) return;
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const one of passed.length ? passed : [event]) {
        stroke.points.push(point(one));
        this.segment(stroke, stroke.points.length - 1);
      }
    });
    const end = () => {
      if (!stroke) return;
      this.marks.push(stroke);
      stroke = null;
      this.touch();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);

    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (this.pressed(event.key, event.shiftKey)) event.preventDefault();
    });
    tools.addEventListener("click", ({ target }) => {
      if (target.closest("[data-undo]")) this.undo();
      if (target.closest("[data-invert]")) this.add({ kind: "invert" });
      if (target.closest("[data-clear]")) this.add({ kind: "clear" });
    });
  }

  // Whether the key means something to the brush.
  pressed(key, isFar) {
    const stride = (isFar ? 4 : 1) * Math.max(4, this.size / 2);
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (ways[key]) {
      const [across, down] = ways[key];
      this.place = {
        x: Math.min(this.canvas.width, Math.max(0, this.place.x + across * stride)),
        y: Math.min(this.canvas.height, Math.max(0, this.place.y + down * stride)),
      };
      this.say(`${this.percent("x", "width")} across, ${this.percent("y", "height")} down`);
    } else if (key === " ") {
      const { x, y } = this.place;
      this.add({ kind: "stroke", points: [{ x, y, size: this.size }], erases: this.erases });
      this.say(this.erases ? "Erased" : "Painted");
    } else if (key === "z") {
      this.undo();
      this.say("Undone");
    } else if (key === "i") {
      this.add({ kind: "invert" });
      this.say("Inverted");
    } else if (key === "+" || key === "-") {
      const slider = this.tools.querySelector("[data-brush-size]");
      key === "+" ? slider.stepUp(2) : slider.stepDown(2);
      this.say(`Brush size ${slider.value} percent`);
    } else return false;
    this.showPlace();
    return true;
  }

  percent(along, side) {
    return `${Math.round((this.place[along] / this.canvas[side]) * 100)}%`;
  }

  say(sentence) {
    this.tools.querySelector("[data-brush-said]").textContent = sentence;
  }

  showPlace() {
    const ring = this.canvas.parentElement.querySelector("[data-ring]");
    ring.style.left = this.percent("x", "width");
    ring.style.top = this.percent("y", "height");
    ring.style.width = `${(this.size / this.canvas.width) * 100}%`;
  }
}
