@echo off
rem Makes this folder ready on Windows 10 and 11: setup.cmd run^|test. Only what changed since the last time is done.
rem   WHEELHOUSE   take the wheels from that folder, no network needed
rem   TAHURI_VENV  where the virtual environment lies (default .venv in the project)
set "LOCKKIND=run"
if "%~1"=="test" set "LOCKKIND=dev"
if not defined TAHURI_VENV set "TAHURI_VENV=%~dp0..\..\.venv"
set "PYEXE=%TAHURI_VENV%\Scripts\python.exe"
if exist "%PYEXE%" goto :have
set "PYVER="
for %%v in (3.11 3.12 3.13) do (
  if not defined PYVER py -%%v -c "import venv, ensurepip" >nul 2>nul && set "PYVER=%%v"
)
if not defined PYVER (
  echo set-up stopped: no Python 3.11, 3.12 or 3.13 was found.
  echo What to do: install Python 3.12 for all users with the py launcher, then start this again.
  exit /b 1
)
echo set-up: making the virtual environment with Python %PYVER%
py -%PYVER% -m venv "%TAHURI_VENV%"
if errorlevel 1 (
  echo set-up stopped: the virtual environment could not be made in %TAHURI_VENV%.
  echo What to do: is the disk full or the folder read-only? Set TAHURI_VENV to a folder you may write.
  exit /b 1
)
:have
for /f %%t in ('""%PYEXE%" -c "import sys; print('py%%d%%d' %% sys.version_info[:2])""') do set "PYTAG=%%t"
set "LOCK=%~dp0locks\windows-%PYTAG%-%LOCKKIND%.txt"
fc /b "%LOCK%" "%TAHURI_VENV%\tahuri-%LOCKKIND%.lock" >nul 2>nul && exit /b 0
if "%LOCKKIND%"=="run" (
  fc /b "%~dp0locks\windows-%PYTAG%-dev.txt" "%TAHURI_VENV%\tahuri-dev.lock" >nul 2>nul && exit /b 0
)
del "%TAHURI_VENV%\tahuri-run.lock" "%TAHURI_VENV%\tahuri-dev.lock" >nul 2>nul
echo set-up: installing the locked wheels (about 100 MB the first time)
set "FROM="
if defined WHEELHOUSE set "FROM=--no-index --find-links "%WHEELHOUSE%""
"%PYEXE%" -m pip install -q --disable-pip-version-check --no-input --no-deps --only-binary :all: --require-hashes %FROM% -r "%LOCK%"
if errorlevel 1 (
  echo set-up stopped: the wheels could not be installed.
  echo What to do: connect a network, or bring the wheels on a stick and set WHEELHOUSE to that folder.
  exit /b 1
)
"%PYEXE%" "%~dp0lay_out_pyside.py" >nul || echo set-up: PySide6 keeps its Python side zipped: the desk works, and starts a little later
copy /y "%LOCK%" "%TAHURI_VENV%\tahuri-%LOCKKIND%.lock" >nul
exit /b 0
