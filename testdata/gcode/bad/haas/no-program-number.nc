(line 3: program-start: O and five digits)
%
G21
M30
%
