import { describe, expect, it } from 'vitest';
import { copyDay, days, gridOf, hoursText, paint, quarterOf, replaceStretch, rowOf, rowText, sameGrid, spansOf, stretchesOf, templates, timeOf, weekHours, weekOf } from './week';

const none = weekOf(templates.find((one) => one.id === 'never')?.make() ?? []);
const template = (id: string) => templates.find((one) => one.id === id)?.make() ?? [];

describe('a day', () => {
  it('names quarter hours both ways, the end of the day as 24:00', () => {
    for (let quarter = 0; quarter <= 96; quarter++) expect(quarterOf(timeOf(quarter))).toBe(quarter);
    expect(timeOf(96)).toBe('24:00');
    expect(timeOf(33)).toBe('08:15');
  });
  it('joins spans that touch and keeps those apart that do not', () => {
    const row = rowOf([{ from: '08:00', to: '09:00' }, { from: '09:00', to: '10:15' }, { from: '23:45', to: '24:00' }]);
    expect(spansOf(row)).toEqual([{ from: '08:00', to: '10:15' }, { from: '23:45', to: '24:00' }]);
    expect(hoursText(row)).toBe('2 h 30 min');
    expect(rowText(row)).toBe('08:00 to 10:15, 23:45 to 24:00');
  });
  it('has at most 48 stretches, as many as the appliance takes', () => {
    const worst = Array.from({ length: 96 }, (_, quarter) => quarter % 2 === 0);
    expect(stretchesOf(worst)).toHaveLength(48);
  });
  it('says all day and nothing', () => {
    expect(rowText(rowOf([{ from: '00:00', to: '24:00' }]))).toBe('all day');
    expect(rowText(rowOf([]))).toBe('nothing');
    expect(hoursText(rowOf([]))).toBe('off');
  });
});

describe('a week', () => {
  it('survives the way to the grid and back', () => {
    const week = { ...none, monday: [{ from: '00:00', to: '06:30' }], holiday: [{ from: '12:00', to: '24:00' }] };
    expect(weekOf(gridOf(week))).toEqual(week);
  });
  it('is painted in rectangles from any corner to any other', () => {
    const grid = gridOf(none);
    const one = paint(grid, { day: 1, quarter: 8 }, { day: 3, quarter: 11 }, true);
    const other = paint(grid, { day: 3, quarter: 11 }, { day: 1, quarter: 8 }, true);
    expect(sameGrid(one, other)).toBe(true);
    expect(weekOf(one)).toEqual({ ...none, tuesday: [{ from: '02:00', to: '03:00' }], wednesday: [{ from: '02:00', to: '03:00' }], thursday: [{ from: '02:00', to: '03:00' }] });
    expect(sameGrid(paint(one, { day: 0, quarter: 0 }, { day: 7, quarter: 95 }, false), grid)).toBe(true);
  });
  it('copies a day without tying the copies together', () => {
    const grid = paint(gridOf(none), { day: 0, quarter: 0 }, { day: 0, quarter: 3 }, true);
    const copied = copyDay(grid, 0, [5, 7]);
    expect(weekOf(copied).saturday).toEqual([{ from: '00:00', to: '01:00' }]);
    expect(weekOf(paint(copied, { day: 5, quarter: 0 }, { day: 5, quarter: 3 }, false)).holiday).toEqual([{ from: '00:00', to: '01:00' }]);
  });
  it('moves, adds and removes a stretch', () => {
    const grid = replaceStretch(gridOf(none), 2, undefined, { from: 32, to: 40 });
    expect(weekOf(grid).wednesday).toEqual([{ from: '08:00', to: '10:00' }]);
    expect(weekOf(replaceStretch(grid, 2, { from: 32, to: 40 }, { from: 36, to: 44 })).wednesday).toEqual([{ from: '09:00', to: '11:00' }]);
    expect(weekOf(replaceStretch(grid, 2, { from: 32, to: 40 }, undefined)).wednesday).toEqual([]);
  });
});

describe('templates', () => {
  it('are whole grids', () => {
    for (const { make } of templates) {
      const grid = make();
      expect(grid).toHaveLength(days.length);
      for (const row of grid) expect(row).toHaveLength(96);
    }
  });
  it('office hours and their complement fill the week', () => {
    expect(weekHours(template('office')) + weekHours(template('closed'))).toBe(7 * 24);
    expect(weekHours(template('office'))).toBe(50);
  });
  it('nights go over midnight', () => {
    expect(weekOf(template('nights')).sunday).toEqual([{ from: '00:00', to: '06:00' }, { from: '20:00', to: '24:00' }]);
  });
});
