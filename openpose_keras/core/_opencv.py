"""The import of OpenCV: `cv2` is imported from here, so that a failure says how to fix it."""


def explain_import_failure(message: str) -> str:
    """Return one line that says how to fix a failed `import cv2`.

    Args:
        message: The text of the ImportError.

    Example:
        >>> explain_import_failure("No module named 'cv2'").split("(")[0]
        'OpenCV could not be imported '
    """
    # The three builds share their files: removing one breaks the others.
    advice = (
        "pip uninstall opencv-python opencv-python-headless opencv-contrib-python, then "
        "pip install --force-reinstall opencv-python"
    )
    if ".so" in message:  # a library of the system that the wheel's windows need
        advice += "-headless; or keep the windows: apt-get install libgl1 libglib2.0-0"
    return f"OpenCV could not be imported ({message}): {advice}"


try:
    import cv2 as cv2
except ImportError as error:
    raise ImportError(explain_import_failure(str(error))) from error
