// Before the page is drawn: the theme that was chosen, where it is not the system's.
"use strict";
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("autotrack-theme"); } catch { /* not allowed here */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
