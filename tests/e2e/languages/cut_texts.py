"""What does not fit on a page."""

# Elements with a text of their own that is not the user's, is cut off, or leaves the page. Code may scroll.
FIND_CUT_TEXTS = """() => {
  document.querySelectorAll("details").forEach((each) => each.setAttribute("open", ""));
  const cut = [];
  if (document.documentElement.scrollWidth > innerWidth) cut.push("the page scrolls sideways");
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!text || !element.checkVisibility()) continue;
    if (element.closest(".visually-hidden, .skip, pre, [dir=auto]")) continue;
    if (element.matches("option, textarea, script, style, title")) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (box.width <= 1 || style.visibility === "hidden") continue;
    const scrolls = element.closest("[tabindex='0'], .table-scroll");
    const hasSides = element.clientWidth && !(element instanceof SVGElement); // a text of a chart has none
    const overflows = hasSides && element.scrollWidth > element.clientWidth + 1;
    if (overflows || (!scrolls && (box.right > innerWidth + 1 || box.left < -1)))
      cut.push(`${element.tagName}.${element.className}: ${text.slice(0, 60)}`);
  }
  return cut;
}"""
