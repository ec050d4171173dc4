/**
 * The reference as one page: it reads /openapi.json beside it and needs nothing else, so that it works where no other host can be reached. Every text goes
 * into the page as text, never as markup.
 */
export const REFERENCE_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidegate API</title>
<style>
:root { color-scheme: light dark; --back: #fff; --text: #1a2330; --faint: #5a6675; --line: #d5dbe3; --panel: #f5f7fa; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --back: #12171e; --text: #e4e9f0; --faint: #9aa7b6; --line: #2d3743; --panel: #1a212a; --link: #7db8f5; } }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--panel); color: inherit; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; background: var(--panel); }
summary { padding: .5rem .75rem; cursor: pointer; display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; }
summary:focus-visible, input:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.verb { font-weight: 700; min-width: 4rem; } code, pre { font: .875rem/1.45 ui-monospace, monospace; }
.faint { color: var(--faint); } .inner { padding: 0 .75rem .75rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
pre { background: var(--back); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; overflow-x: auto; } a { color: var(--link); }
</style>
</head>
<body>
<header>
<h1>Tidegate API</h1>
<p class="faint">Made from the schemas that validate. The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
<input id="find" type="search" placeholder="Find a path or a word" aria-label="Find a path or a word">
</header>
<main id="routes" aria-live="polite"></main>
<script>
const main = document.getElementById('routes');
function put(parent, name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind !== undefined) made.className = kind;
  parent.append(made);
  return made;
}
function shape(schema) {
  if (schema === undefined) return '';
  if (schema.enum) return schema.enum.join(' | ');
  if (schema.const !== undefined) return String(schema.const);
  const several = schema.anyOf ?? schema.oneOf;
  return several ? several.map(shape).join(' or ') : schema.type ?? 'any';
}
function rows(parent, title, given) {
  if (given.length === 0) return;
  put(parent, 'h3', title);
  const table = put(parent, 'table');
  for (const cells of given) {
    const row = put(table, 'tr');
    cells.forEach((cell, n) => put(row, n === 0 ? 'th' : 'td', cell, n === 0 ? undefined : 'faint'));
  }
}
function draw(path, verb, route) {
  const box = document.createElement('details');
  box.dataset.text = (verb + ' ' + path + ' ' + route.summary).toLowerCase();
  const head = put(box, 'summary');
  put(head, 'span', verb.toUpperCase(), 'verb');
  put(head, 'code', path);
  put(head, 'span', route.summary, 'faint');
  const inner = put(box, 'div', undefined, 'inner');
  put(inner, 'p', 'Needs the role: ' + (route['x-tidegate-role'] ?? 'none'), 'faint');
  rows(inner, 'Parameters', (route.parameters ?? []).map((each) => [each.name, each.in + (each.required ? ', required' : ''),
    shape(each.schema) + (each.schema.default === undefined ? '' : ', else ' + JSON.stringify(each.schema.default)), each.description ?? '']));
  for (const [type, { schema }] of Object.entries(route.requestBody?.content ?? {})) {
    put(inner, 'h3', 'Body: ' + type);
    if (schema !== undefined) put(inner, 'pre', JSON.stringify(schema, null, 2));
  }
  rows(inner, 'Answers', Object.entries(route.responses).map(([status, answer]) => [status, answer.description, Object.keys(answer.content ?? {}).join(', ')]));
  return box;
}
async function show() {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error('/openapi.json was answered ' + answer.status);
  const api = await answer.json();
  for (const { name } of api.tags) {
    const section = put(main, 'section');
    put(section, 'h2', name);
    for (const [path, verbs] of Object.entries(api.paths))
      for (const [verb, route] of Object.entries(verbs)) if (route.tags.includes(name)) section.append(draw(path, verb, route));
  }
}
document.getElementById('find').addEventListener('input', (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const box of main.querySelectorAll('details')) box.hidden = !box.dataset.text.includes(wanted);
  for (const section of main.children) section.hidden = section.querySelector('details:not([hidden])') === null;
});
show().catch((error) => put(main, 'p', 'The description could not be read: ' + error.message));
</script>
</body>
</html>
`;
