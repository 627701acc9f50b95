// Before the first paint: no flash of the other theme. A file of its own, because the server allows no inline script.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("mantine-color-scheme-value");
  } catch (error) {
    // storage switched off: follow the system
  }
  var dark = stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
// The only text that may become markup is text without any: names of characters (`&amp;`) and style sheets.
(function () {
  if (!window.trustedTypes) return;
  window.trustedTypes.createPolicy("default", {
    createHTML: function (text) {
      return text.indexOf("<") < 0 ? text : null;
    },
  });
})();
