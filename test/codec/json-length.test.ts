import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJsonLength } from '../../runtime/codec/json-length.js';
import { refuses } from './request-bodies.js';

describe('the length of the JSON', () => {
  it('is what the header says, the whole body without it', () => {
    assert.equal(parseJsonLength('190', 318), 190);
    assert.equal(parseJsonLength('  190  ', 318), 190);
    assert.equal(parseJsonLength('318', 318), 318);
    assert.equal(parseJsonLength('', 318), 318);
  });

  it('is that of a raw request when it is 0, or when there is neither header nor body', () => {
    assert.equal(parseJsonLength('0', 318), 'raw');
    assert.equal(parseJsonLength('0', 0), 'raw');
    assert.equal(parseJsonLength('', 0), 'raw');
  });

  it('is refused when it is negative, too large or no decimal number', () => {
    for (const header of [
      '-1',
      '319',
      '999999',
      '2147483648',
      '4294967486',
      'abc',
      '190xyz',
      '190.0',
      '0xbe',
      '1e2',
      '+5',
      '190, 5',
      '9'.repeat(40),
    ]) {
      refuses(
        () => parseJsonLength(header, 318),
        'INVALID_BINARY',
        /inference header size should be in range \(0, 318\), got: /,
      );
    }
    refuses(() => parseJsonLength('1', 0), 'INVALID_BINARY');
  });
});
