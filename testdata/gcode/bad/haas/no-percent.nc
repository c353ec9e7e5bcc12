(line 2: program-start: begin the file with a line `%`)
G21
M30
%
