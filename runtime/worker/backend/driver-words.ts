/** What libraries wrote on stderr, without the colours, times and places in their source that only their makers can use. */
export function driverWords(text: string): string {
  return text
    .split(ESCAPE)
    .map((part, index) => (index === 0 ? part : part.replace(/^\[[\d;]*m/, '')))
    .join('')
    .split('\n')
    .map((line) =>
      line.replace(/^.*\[[EWF]:onnxruntime[^\]]*\]\s*/, '').replace(/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /, ''),
    )
    .filter((line) => line.trim() !== '')
    .join('\n')
    .trim();
}

const ESCAPE = String.fromCharCode(27);
