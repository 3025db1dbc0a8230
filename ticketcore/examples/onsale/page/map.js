"use strict";
(() => {
  const info = JSON.parse(document.getElementById("info").textContent);
  const raw = Uint8Array.from(atob(document.getElementById("seats").textContent.trim()), c => c.charCodeAt(0));
  const view = new DataView(raw.buffer), count = info.seats, NEVER = 65535;
  const xs = new Float32Array(count), ys = new Float32Array(count), at = new Uint16Array(count), category = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    xs[i] = view.getUint16(i * 7, true) / 65535 * info.width;
    ys[i] = view.getUint16(i * 7 + 2, true) / 65535 * info.height;
    at[i] = view.getUint16(i * 7 + 4, true);
    category[i] = view.getUint8(i * 7 + 6);
  }
  const canvas = document.getElementById("map"), pen = canvas.getContext("2d");
  const slider = document.getElementById("time"), label = document.getElementById("label"), play = document.getElementById("play");
  const legend = document.getElementById("legend");
  const RAMPS = {
    light: [[72, 52, 160], [150, 58, 170], [211, 82, 124], [240, 138, 84], [236, 186, 56]],
    dark: [[104, 92, 220], [168, 84, 206], [224, 92, 140], [246, 148, 92], [250, 212, 96]],
  };
  const dark = matchMedia("(prefers-color-scheme: dark)"), SHADES = 40;
  const shade = k => {
    const STOPS = RAMPS[dark.matches ? "dark" : "light"];
    const place = k / (SHADES - 1) * (STOPS.length - 1), low = Math.min(Math.floor(place), STOPS.length - 2), part = place - low;
    return `rgb(${STOPS[low].map((v, c) => Math.round(v + (STOPS[low + 1][c] - v) * part)).join()})`;
  };
  // Colours follow the order of sales, not the minutes, so that rush and quiet are both seen.
  const times = at.filter(t => t !== NEVER).sort(), shadeOf = new Uint8Array(65536);
  for (let t = 0, k = 0; t <= info.end; t++) {
    while (k < times.length && times[k] < t) k++;
    shadeOf[t] = Math.min(SHADES - 1, Math.floor(k / Math.max(1, times.length) * SHADES));
  }
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = n => n.toLocaleString("en").replaceAll(",", "\u2009");
  let mode = "time", scale = 1;

  function dots(list, radius) {
    pen.beginPath();
    for (const i of list) {
      const x = xs[i] * scale, y = ys[i] * scale;
      if (radius < 1.1) pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
      else { pen.moveTo(x + radius, y); pen.arc(x, y, radius, 0, 7); }
    }
    pen.fill();
  }
  function words(text, x, y, size, color) {
    pen.fillStyle = color;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(text, x, y);
  }
  function figure(shape) {
    pen.save();
    pen.translate(shape.x * scale, shape.y * scale);
    pen.rotate(shape.turn * Math.PI / 180);
    pen.beginPath();
    if (shape.kind === "rectangle") pen.rect(0, 0, shape.w * scale, shape.h * scale);
    if (shape.kind === "ellipse") pen.ellipse(0, 0, shape.w * scale, shape.h * scale, 0, 0, 7);
    if (shape.kind === "polygon") { shape.points.forEach(([x, y]) => pen.lineTo(x * scale, y * scale)); pen.closePath(); }
    pen.fillStyle = shape.color || style("--line");
    if (shape.kind !== "text") pen.fill();
    pen.restore();
    if (shape.text) {
      const size = Math.max(11, Math.min(26, shape.textSize * scale));
      words(shape.text, shape.textX * scale, shape.textY * scale, size, shape.textColor || (shape.color ? "#fff" : style("--muted")));
    }
  }
  function standing(area, now) {
    const x = area.x * scale, y = area.y * scale, w = area.w * scale, h = area.h * scale;
    let sold = 0, sums = new Float64Array(SHADES);
    for (const [t, places] of area.sales) if (t <= now) { sold += places; sums[shadeOf[t]] += places; }
    pen.fillStyle = style("--free");
    pen.fillRect(x, y, w, h);
    let left = x;
    if (mode === "time") sums.forEach((places, k) => {
      pen.fillStyle = shade(k);
      pen.fillRect(left, y, places / area.capacity * w + .5, h);
      left += places / area.capacity * w;
    });
    else { pen.fillStyle = info.categories[area.category].color; pen.fillRect(x, y, sold / area.capacity * w, h); }
    words(`${area.name}: ${number(sold)} of ${number(area.capacity)}`, x + w / 2, y + h / 2, 15, sold ? "#fff" : style("--muted"));
  }
  function draw() {
    const now = +slider.value, ratio = window.devicePixelRatio || 1;
    const width = Math.min(canvas.parentElement.clientWidth - 40, 820 * info.width / info.height);
    scale = width / info.width;
    canvas.style.width = width + "px";
    canvas.width = width * ratio;
    canvas.height = info.height * scale * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    info.shapes.forEach(figure);
    info.areas.forEach(area => standing(area, now));
    const radius = Math.min(9, Math.max(.72, info.spacing * scale * .44));
    const groups = new Map(), free = [];
    let sold = 0;
    for (let i = 0; i < count; i++) {
      if (at[i] > now) { free.push(i); continue; }
      sold++;
      const key = mode === "time" ? shadeOf[at[i]] : category[i];
      groups.has(key) ? groups.get(key).push(i) : groups.set(key, [i]);
    }
    pen.fillStyle = style("--free");
    dots(free, radius);
    for (const [key, list] of groups) {
      pen.fillStyle = mode === "time" ? shade(key) : info.categories[key].color;
      dots(list, radius);
    }
    for (const area of info.areas) for (const [t, places] of area.sales) if (t <= now) sold += places;
    const minutes = `${Math.floor(now / 60)}:${String(now % 60).padStart(2, "0")} min`;
    label.textContent = `${minutes}  \u00b7  ${number(sold)} of ${number(info.capacity)} sold`;
  }
  function explain() {
    legend.replaceChildren();
    const add = (color, text) => {
      const span = document.createElement("span"), dot = document.createElement("i");
      dot.style.background = color;
      span.append(dot, text);
      legend.append(span);
    };
    if (mode === "time") {
      const span = document.createElement("span"), ramp = document.createElement("i");
      ramp.className = "ramp";
      ramp.style.background = `linear-gradient(90deg, ${[...Array(9).keys()].map(k => shade(k / 8 * (SHADES - 1))).join()})`;
      span.append("sold first", ramp, "sold last");
      legend.append(span);
    } else info.categories.forEach(c => add(c.color, c.name));
    add(style("--free"), "not sold yet");
  }
  function show(next) {
    mode = next;
    document.querySelectorAll("[data-mode]").forEach(b => b.setAttribute("aria-pressed", b.dataset.mode === mode));
    explain();
    draw();
  }
  let running = 0;
  function tick() {
    if (!running) return;
    slider.value = Math.min(info.end, +slider.value + Math.max(1, info.end / 400));
    draw();
    if (+slider.value >= info.end) stop(); else running = requestAnimationFrame(tick);
  }
  function stop() { cancelAnimationFrame(running); running = 0; play.textContent = "Play"; }
  play.onclick = () => {
    if (running) return stop();
    if (+slider.value >= info.end) slider.value = 0;
    play.textContent = "Pause";
    running = requestAnimationFrame(tick);
  };
  slider.max = info.end;
  slider.value = info.end;
  slider.oninput = () => { stop(); draw(); };
  document.querySelectorAll("[data-mode]").forEach(b => b.onclick = () => show(b.dataset.mode));
  window.addEventListener("resize", draw);
  dark.addEventListener("change", () => show(mode));
  show("time");
})();
