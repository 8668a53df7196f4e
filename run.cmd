@echo off
rem Sets up what is missing and plays the demonstration. Wheels from a stick: set WHEELHOUSE=D:\wheels first.
cd /d "%~dp0"
call resources\setup\setup.cmd run || exit /b 1
"%TAHURI_VENV%\Scripts\python.exe" -m workstation.demo %*
