// What pages do beyond links and forms. All of it is comfort: pages work without.
"use strict";

// -- light and dark ---------------------------------------------------------------------------
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
document.getElementById("theme")?.addEventListener("click", () => {
  const chosen = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  try { localStorage.setItem("autotrack-theme", chosen); } catch { /* for this page only */ }
});

// -- a new state of a page, put into the one that is there ------------------------------------
// Nodes that are the same stay: focus, scroll, open parts and what was typed stay with them.
function isSame(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
}
function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  if (old.dataset?.loaded && old.dataset.loaded === fresh.dataset?.load) return;
  for (const { name, value } of [...fresh.attributes])
    if (old.getAttribute(name) !== value && !keeps(old, name)) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !keeps(old, name)) old.removeAttribute(name);
  const known = new Map();
  // Not `children`: of a form that is its field of this name.
  for (const child of old.childNodes) if (child.id) known.set(child.id, child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let found = at;
    if (wanted.id && known.has(wanted.id)) found = known.get(wanted.id);
    if (found && isSame(found, wanted)) {
      if (found === at) at = at.nextSibling; else old.insertBefore(found, at);
      morph(found, wanted);
    } else old.insertBefore(document.importNode(wanted, true), at);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}
function keeps(node, name) {
  if (name === "open" && node.nodeName === "DETAILS") return true;
  return ["value", "checked", "selected"].includes(name) && node === document.activeElement;
}

// -- charts, which come after their page ------------------------------------------------------
const loaded = new Map();
async function load() {
  for (const place of document.querySelectorAll("[data-load]")) {
    const address = place.dataset.load;
    try {
      if (place.dataset.loaded !== address || document.getElementById("main").dataset.live) {
        const response = await fetch(address);
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
        loaded.set(place.id, fresh.getElementById(place.id).innerHTML);
      }
      if (place.dataset.load !== address) continue;
      place.innerHTML = loaded.get(place.id);
      place.dataset.loaded = address;
    } catch { /* the link to it is there */ }
  }
}
load();

let asking = null;
async function show(address, { push = false } = {}) {
  asking?.abort();
  asking = new AbortController();
  const response = await fetch(address, { signal: asking.signal, headers: { accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = fresh.getElementById("main");
  if (!main || response.redirected) { location.href = address; return; }
  if (push) history.pushState(null, "", address);
  document.title = fresh.title;
  morph(document.getElementById("main"), main);
  for (const box of document.querySelectorAll("[data-view] input, [data-view] select"))
    if (push && box !== document.activeElement) restore(box);
  settle();
  load();
}
function restore(box) {
  if (box.type === "checkbox") box.checked = box.defaultChecked;
  else if (box.nodeName === "SELECT") {
    const chosen = [...box.options].findIndex((option) => option.defaultSelected);
    box.selectedIndex = Math.max(chosen, 0);
  } else box.value = box.defaultValue;
}
function failed(error, address) { if (error.name !== "AbortError") location.href = address; }

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-morph]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  show(link.href, { push: true }).catch((error) => failed(error, link.href));
});
addEventListener("popstate", () => show(location.href, { push: false })
  .then(() => document.querySelectorAll("[data-view] input, [data-view] select").forEach(restore))
  .catch((error) => failed(error, location.href)));

// -- forms that say what to show --------------------------------------------------------------
function addressOf(form) {
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") given.append(name, value);
  const text = given.toString();
  return new URL(form.getAttribute("action") + (text ? `?${text}` : ""), location.href).href;
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-view]")) {
    event.preventDefault();
    const address = addressOf(form);
    const menu = form.querySelector("#columns");
    if (menu) { delete menu.dataset.filled; menu.open = false; }
    show(address, { push: true }).catch((error) => failed(error, address));
  }
  if (form.dataset.ask && !confirm(form.dataset.ask)) event.preventDefault();
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-view]");
  if (form && event.target.matches("select, .options > label input")) form.requestSubmit();
  if (event.target.matches("#pick input")) settle();
});

// Whoever opens the choice of columns finds those ticked that are shown, to add to them; whoever
// closes it again has chosen nothing.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (menu.id !== "columns") return;
  const boxes = [...menu.querySelectorAll("input[name=column]")];
  if (menu.open && !boxes.some((box) => box.checked)) {
    for (const box of boxes) box.checked = box.hasAttribute("data-shown");
    menu.dataset.filled = "1";
  } else if (!menu.open && menu.dataset.filled) {
    for (const box of boxes) box.checked = box.defaultChecked;
    delete menu.dataset.filled;
  }
}, true);

// -- how many runs are ticked -----------------------------------------------------------------
function settle() {
  const button = document.getElementById("compare");
  if (!button) return;
  const count = document.querySelectorAll("#pick input:checked").length;
  button.disabled = count < 2;
  button.textContent = count < 2 ? "Compare" : `Compare ${count}`;
  document.getElementById("picked").hidden = count > 1;
}
settle();

// -- what goes on by itself -------------------------------------------------------------------
let broken = 0;
async function refresh() {
  const pause = Number(document.getElementById("main").dataset.live);
  if (pause && !document.hidden && !asking_now()) {
    try { await show(location.href); broken = 0; } catch { broken = Math.min(broken + 1, 5); }
  }
  setTimeout(refresh, (pause || 2000) * 2 ** broken);
}
function asking_now() {
  const focused = document.activeElement;
  return focused && focused.matches("input:not([type=checkbox]), textarea, select");
}
setTimeout(refresh, 2000);

// -- keys of params and metrics, while a filter is written ------------------------------------
const words = /(metrics|params|tags)\.([\w./-]*)$/i;
let list = null;
let turn = 0;
async function complete(input) {
  const found = words.exec(input.value.slice(0, input.selectionStart));
  const mine = ++turn;
  if (!found) return close();
  const address = new URL("/complete", location.href);
  address.searchParams.set("family", found[1].toLowerCase());
  address.searchParams.set("text", found[2]);
  const keys = await (await fetch(address)).json();
  if (mine !== turn || document.activeElement !== input) return;
  close();
  const fresh = keys.filter((key) => key !== found[2]).slice(0, 12);
  if (!fresh.length) return;
  list = document.createElement("ul");
  list.id = "completions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Keys");
  for (const [place, key] of fresh.entries()) {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.id = `completion${place}`;
    item.textContent = key;
    item.addEventListener("mousedown", (event) => { event.preventDefault(); take(input, key); });
    list.append(item);
  }
  input.parentElement.append(list);
  input.setAttribute("aria-expanded", "true");
}
function close() {
  list?.remove();
  list = null;
  const input = document.querySelector("[data-complete]");
  input?.setAttribute("aria-expanded", "false");
  input?.removeAttribute("aria-activedescendant");
}
function take(input, key) {
  const place = input.selectionStart;
  const before = input.value.slice(0, place);
  const found = words.exec(before);
  const word = /^\w([\w./-]*[\w/-])?$/.test(key) ? key : "`" + key.replaceAll("`", "``") + "`";
  const begin = before.slice(0, found.index) + found[1] + "." + word;
  input.value = begin + input.value.slice(place);
  input.setSelectionRange(begin.length, begin.length);
  close();
}
function mark(input, step) {
  const items = [...list.children];
  const at = items.findIndex((item) => item.ariaSelected === "true");
  if (at >= 0) items[at].ariaSelected = "false";
  const next = items[(at + step + items.length + (at < 0 && step < 0 ? 1 : 0)) % items.length];
  next.ariaSelected = "true";
  next.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", next.id);
}
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-complete]")) complete(event.target).catch(close);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea, select")) {
    const filter = document.getElementById("where");
    if (filter) { event.preventDefault(); filter.focus(); }
  }
  if (event.key === "Escape") {
    const open = event.target.closest?.("details[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  }
  if (!list || !event.target.matches("[data-complete]")) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    mark(event.target, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" || event.key === "Tab") {
    const marked = [...list.children].find((item) => item.ariaSelected === "true");
    if (marked) { event.preventDefault(); take(event.target, marked.textContent); }
    else close();
  } else if (event.key === "Escape") close();
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches("[data-complete]")) close();
});
// -- the text of a snippet into the clipboard -------------------------------------------------
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
  catch { button.textContent = "Select it and copy"; }
});
// -- a click beside a menu closes it ----------------------------------------------------------
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.columns[open], details.menu[open]"))
    if (!open.contains(event.target)) open.open = false;
});
