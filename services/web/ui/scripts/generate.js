// Writes src/api/schema.d.ts from the API description; with --check, fails when the file in the tree differs.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../../../internal/api/openapi.yaml', import.meta.url);
const target = new URL('../src/api/schema.d.ts', import.meta.url);

const banner = '// Generated from internal/api/openapi.yaml by `npm run generate`; not to be edited.\n\n';
const text = banner + astToString(await openapiTS(source, { alphabetize: false }));

if (process.argv.includes('--check')) {
  const current = await readFile(target, 'utf8').catch(() => '');
  if (current !== text) {
    console.error('src/api/schema.d.ts is not what internal/api/openapi.yaml says: run `npm run generate`');
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
