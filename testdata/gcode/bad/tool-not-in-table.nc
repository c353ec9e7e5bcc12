(line 8: tool-not-in-table: T9 is not in the job)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
T9 M6
G0 Z20.
M5
M30
