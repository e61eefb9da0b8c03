// Page elements without markup in strings: whatever a text holds, it stays text.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const paragraphs = (text) => text.split(/\n\s*\n/).map((part) => h("p", {}, part.trim()));

export function radios(name, legend, choices, onchange = () => {}) {
  const options = choices.map(({ value, label, key }) =>
    h("label", { class: "choice" },
      h("input", { type: "radio", name, value: String(value), onchange }),
      h("span", {}, label), key ? h("kbd", { "aria-hidden": "true" }, key) : null));
  return h("fieldset", { class: "choices" }, h("legend", {}, legend), ...options);
}
