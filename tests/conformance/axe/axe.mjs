// Prints the script that, in a page, looks for what makes it hard to use: axe.mjs
import { readFile } from 'node:fs/promises';

process.stdout.write(await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url)));
