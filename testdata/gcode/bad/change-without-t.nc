(line 4: no-tool: M6 without a T word)
G21 G90 G94 G17
G54
M6
G0 Z20.
M5
M30
